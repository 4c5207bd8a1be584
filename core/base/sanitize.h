/**
 * Which sanitizer this build runs under: GOST_ASAN and GOST_TSAN are 0 or 1, with GCC and clang.
 */
#ifndef GOST_BASE_SANITIZE_H
#define GOST_BASE_SANITIZE_H

#ifdef __has_feature
#define GOST__HAS_FEATURE(x) __has_feature(x)
#else
#define GOST__HAS_FEATURE(x) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || GOST__HAS_FEATURE(address_sanitizer)
#define GOST_ASAN 1
#else
#define GOST_ASAN 0
#endif

#if defined(__SANITIZE_THREAD__) || GOST__HAS_FEATURE(thread_sanitizer)
#define GOST_TSAN 1
#else
#define GOST_TSAN 0
#endif

#endif
