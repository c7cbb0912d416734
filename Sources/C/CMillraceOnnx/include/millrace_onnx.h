#pragma once
// The part of ONNX Runtime's C API that Millrace uses, declared here because no package ships the official header.
//
// OrtApi is a table of function pointers to which releases only ever append, so a slot's place is for ever. Slots in use are
// declared with their signatures, runs of unused ones are padding, and static asserts pin every group to its place. The table
// is asked for as API version 8, which covers all of it and is answered by every release since 1.8.
//
// A function returning `OrtStatus *` succeeded when that is NULL; otherwise the status is released by the caller.
#include <stddef.h>
#include <stdint.h>

#define MILLRACE_ORT_API_VERSION 8

typedef struct OrtEnv OrtEnv;
typedef struct OrtStatus OrtStatus;
typedef struct OrtMemoryInfo OrtMemoryInfo;
typedef struct OrtSession OrtSession;
typedef struct OrtSessionOptions OrtSessionOptions;
typedef struct OrtValue OrtValue;
typedef struct OrtRunOptions OrtRunOptions;
typedef struct OrtTypeInfo OrtTypeInfo;
typedef struct OrtTensorTypeAndShapeInfo OrtTensorTypeAndShapeInfo;
typedef struct OrtModelMetadata OrtModelMetadata;
typedef struct OrtAllocator OrtAllocator;

// Values of the enums that cross the line, as plain integers.
#define MILLRACE_ORT_LOG_ERROR 3
#define MILLRACE_ORT_SEQUENTIAL 0
#define MILLRACE_ORT_OPTIMIZE_ALL 99
#define MILLRACE_ORT_TYPE_TENSOR 1
#define MILLRACE_ORT_ELEMENT_FLOAT 1
#define MILLRACE_ORT_ARENA_ALLOCATOR 1
#define MILLRACE_ORT_MEMORY_DEFAULT 0

typedef struct MillraceOrtApi {
  void *unused_0[1];
  int (*GetErrorCode)(const OrtStatus *);                                                                 // 1
  const char *(*GetErrorMessage)(const OrtStatus *);                                                      // 2
  OrtStatus *(*CreateEnv)(int logLevel, const char *logID, OrtEnv **out);                                 // 3
  void *unused_4[4];
  OrtStatus *(*CreateSessionFromArray)(
      const OrtEnv *, const void *bytes, size_t count, const OrtSessionOptions *, OrtSession **out);      // 8
  OrtStatus *(*Run)(
      OrtSession *, const OrtRunOptions *, const char *const *inputNames, const OrtValue *const *inputs, size_t inputCount,
      const char *const *outputNames, size_t outputCount, OrtValue **outputs);                            // 9
  OrtStatus *(*CreateSessionOptions)(OrtSessionOptions **out);                                            // 10
  void *unused_11[2];
  OrtStatus *(*SetSessionExecutionMode)(OrtSessionOptions *, int mode);                                   // 13
  void *unused_14[3];
  OrtStatus *(*DisableMemPattern)(OrtSessionOptions *);                                                   // 17
  void *unused_18[5];
  OrtStatus *(*SetSessionGraphOptimizationLevel)(OrtSessionOptions *, int level);                         // 23
  OrtStatus *(*SetIntraOpNumThreads)(OrtSessionOptions *, int count);                                     // 24
  OrtStatus *(*SetInterOpNumThreads)(OrtSessionOptions *, int count);                                     // 25
  void *unused_26[4];
  OrtStatus *(*SessionGetInputCount)(const OrtSession *, size_t *out);                                    // 30
  OrtStatus *(*SessionGetOutputCount)(const OrtSession *, size_t *out);                                   // 31
  void *unused_32[1];
  OrtStatus *(*SessionGetInputTypeInfo)(const OrtSession *, size_t index, OrtTypeInfo **out);             // 33
  OrtStatus *(*SessionGetOutputTypeInfo)(const OrtSession *, size_t index, OrtTypeInfo **out);            // 34
  void *unused_35[1];
  OrtStatus *(*SessionGetInputName)(const OrtSession *, size_t index, OrtAllocator *, char **out);        // 36
  OrtStatus *(*SessionGetOutputName)(const OrtSession *, size_t index, OrtAllocator *, char **out);       // 37
  void *unused_38[11];
  OrtStatus *(*CreateTensorWithDataAsOrtValue)(
      const OrtMemoryInfo *, void *data, size_t byteCount, const int64_t *shape, size_t rank, int elementType,
      OrtValue **out);                                                                                    // 49
  void *unused_50[5];
  OrtStatus *(*CastTypeInfoToTensorInfo)(const OrtTypeInfo *, const OrtTensorTypeAndShapeInfo **out);     // 55
  OrtStatus *(*GetOnnxTypeFromTypeInfo)(const OrtTypeInfo *, int *out);                                   // 56
  void *unused_57[3];
  OrtStatus *(*GetTensorElementType)(const OrtTensorTypeAndShapeInfo *, int *out);                        // 60
  OrtStatus *(*GetDimensionsCount)(const OrtTensorTypeAndShapeInfo *, size_t *out);                       // 61
  OrtStatus *(*GetDimensions)(const OrtTensorTypeAndShapeInfo *, int64_t *values, size_t count);          // 62
  void *unused_63[6];
  OrtStatus *(*CreateCpuMemoryInfo)(int allocator, int memory, OrtMemoryInfo **out);                      // 69
  void *unused_70[6];
  OrtStatus *(*AllocatorFree)(OrtAllocator *, void *pointer);                                             // 76
  void *unused_77[1];
  OrtStatus *(*GetAllocatorWithDefaultOptions)(OrtAllocator **out);                                       // 78
  void *unused_79[13];
  void (*ReleaseEnv)(OrtEnv *);                                                                           // 92
  void (*ReleaseStatus)(OrtStatus *);                                                                     // 93
  void (*ReleaseMemoryInfo)(OrtMemoryInfo *);                                                             // 94
  void (*ReleaseSession)(OrtSession *);                                                                   // 95
  void (*ReleaseValue)(OrtValue *);                                                                       // 96
  void (*ReleaseRunOptions)(OrtRunOptions *);                                                             // 97
  void (*ReleaseTypeInfo)(OrtTypeInfo *);                                                                 // 98
  void (*ReleaseTensorTypeAndShapeInfo)(OrtTensorTypeAndShapeInfo *);                                     // 99
  void (*ReleaseSessionOptions)(OrtSessionOptions *);                                                     // 100
  void *unused_101[10];
  OrtStatus *(*SessionGetModelMetadata)(const OrtSession *, OrtModelMetadata **out);                      // 111
  OrtStatus *(*ModelMetadataGetProducerName)(const OrtModelMetadata *, OrtAllocator *, char **out);       // 112
  OrtStatus *(*ModelMetadataGetGraphName)(const OrtModelMetadata *, OrtAllocator *, char **out);          // 113
  void *unused_114[2];
  OrtStatus *(*ModelMetadataLookupCustomMetadataMap)(
      const OrtModelMetadata *, OrtAllocator *, const char *key, char **out);                             // 116
  void *unused_117[1];
  void (*ReleaseModelMetadata)(OrtModelMetadata *);                                                       // 118
  void *unused_119[4];
  OrtStatus *(*ModelMetadataGetCustomMetadataMapKeys)(
      const OrtModelMetadata *, OrtAllocator *, char ***keys, int64_t *count);                            // 123
} MillraceOrtApi;

#define MILLRACE_ORT_SLOT(name, slot) \
  _Static_assert(offsetof(MillraceOrtApi, name) == (slot) * sizeof(void *), #name " is not in slot " #slot)
MILLRACE_ORT_SLOT(GetErrorCode, 1);
MILLRACE_ORT_SLOT(GetErrorMessage, 2);
MILLRACE_ORT_SLOT(CreateEnv, 3);
MILLRACE_ORT_SLOT(CreateSessionFromArray, 8);
MILLRACE_ORT_SLOT(Run, 9);
MILLRACE_ORT_SLOT(CreateSessionOptions, 10);
MILLRACE_ORT_SLOT(SetSessionExecutionMode, 13);
MILLRACE_ORT_SLOT(DisableMemPattern, 17);
MILLRACE_ORT_SLOT(SetSessionGraphOptimizationLevel, 23);
MILLRACE_ORT_SLOT(SetIntraOpNumThreads, 24);
MILLRACE_ORT_SLOT(SetInterOpNumThreads, 25);
MILLRACE_ORT_SLOT(SessionGetInputCount, 30);
MILLRACE_ORT_SLOT(SessionGetOutputCount, 31);
MILLRACE_ORT_SLOT(SessionGetInputTypeInfo, 33);
MILLRACE_ORT_SLOT(SessionGetOutputTypeInfo, 34);
MILLRACE_ORT_SLOT(SessionGetInputName, 36);
MILLRACE_ORT_SLOT(SessionGetOutputName, 37);
MILLRACE_ORT_SLOT(CreateTensorWithDataAsOrtValue, 49);
MILLRACE_ORT_SLOT(CastTypeInfoToTensorInfo, 55);
MILLRACE_ORT_SLOT(GetOnnxTypeFromTypeInfo, 56);
MILLRACE_ORT_SLOT(GetTensorElementType, 60);
MILLRACE_ORT_SLOT(GetDimensionsCount, 61);
MILLRACE_ORT_SLOT(GetDimensions, 62);
MILLRACE_ORT_SLOT(CreateCpuMemoryInfo, 69);
MILLRACE_ORT_SLOT(AllocatorFree, 76);
MILLRACE_ORT_SLOT(GetAllocatorWithDefaultOptions, 78);
MILLRACE_ORT_SLOT(ReleaseEnv, 92);
MILLRACE_ORT_SLOT(ReleaseStatus, 93);
MILLRACE_ORT_SLOT(ReleaseMemoryInfo, 94);
MILLRACE_ORT_SLOT(ReleaseSession, 95);
MILLRACE_ORT_SLOT(ReleaseValue, 96);
MILLRACE_ORT_SLOT(ReleaseRunOptions, 97);
MILLRACE_ORT_SLOT(ReleaseTypeInfo, 98);
MILLRACE_ORT_SLOT(ReleaseTensorTypeAndShapeInfo, 99);
MILLRACE_ORT_SLOT(ReleaseSessionOptions, 100);
MILLRACE_ORT_SLOT(SessionGetModelMetadata, 111);
MILLRACE_ORT_SLOT(ModelMetadataGetProducerName, 112);
MILLRACE_ORT_SLOT(ModelMetadataGetGraphName, 113);
MILLRACE_ORT_SLOT(ModelMetadataLookupCustomMetadataMap, 116);
MILLRACE_ORT_SLOT(ReleaseModelMetadata, 118);
MILLRACE_ORT_SLOT(ModelMetadataGetCustomMetadataMapKeys, 123);
#undef MILLRACE_ORT_SLOT

/// What the library's one exported symbol, `OrtGetApiBase`, returns.
typedef struct MillraceOrtApiBase {
  const MillraceOrtApi *(*GetApi)(uint32_t version);
  const char *(*GetVersionString)(void);
} MillraceOrtApiBase;

typedef const MillraceOrtApiBase *(*MillraceOrtGetApiBase)(void);
