import MillraceTypes

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension MillraceError {
  /// The one place that turns an errno into a sentence and advice.
  ///
  /// - Parameter verb: what was tried, to complete "cannot ...".
  static func file(_ verb: String, _ path: String, errno code: Int32) -> MillraceError {
    let reason: String
    var hint: String?
    var isRetryable = false
    switch code {
    case ENOENT:
      reason = "no such file or folder"
      hint = "check the path"
    case EACCES, EPERM:
      reason = "permission denied"
      hint = "check the permissions of the file and of its folders"
    case ENOSPC:
      reason = "the disk is full"
      hint = "free some space or choose another folder"
      isRetryable = true
    case EDQUOT:
      reason = "the disk quota is used up"
      hint = "free some space or choose another folder"
      isRetryable = true
    case EROFS:
      reason = "the file system is read-only"
      hint = "choose another folder"
    case EISDIR: reason = "it is a folder"
    case ENOTDIR: reason = "a part of the path is not a folder"
    case EEXIST: reason = "something of that name exists already"
    case ENOTEMPTY: reason = "the folder is not empty"
    case EMFILE, ENFILE:
      reason = "too many open files"
      hint = "raise the limit (ulimit -n) or lower the parallelism"
      isRetryable = true
    case EXDEV: reason = "the two paths are in different file systems"
    case EFBIG: reason = "the file would become too large"
    case EIO:
      reason = "the device reported an input/output error"
      hint = "check the disk (dmesg)"
    default: reason = String(cString: strerror(code)).lowercased()
    }
    return MillraceError(.fileFailed, "cannot \(verb): \(reason)", subject: path, hint: hint, isRetryable: isRetryable)
  }
}
