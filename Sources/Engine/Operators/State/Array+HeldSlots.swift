extension Array {
  /// Memory of the elements' own slots, without what they own.
  var heldSlots: Int { capacity * MemoryLayout<Element>.stride }
}
