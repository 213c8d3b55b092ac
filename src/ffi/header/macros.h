/** Declares an exported function. Define RBTOKEN_STATIC before including this header if you link
 * the static library. */
#ifndef RBTOKEN_API
#  if defined(RBTOKEN_STATIC)
#    define RBTOKEN_API
#  elif defined(_WIN32)
#    define RBTOKEN_API __declspec(dllimport)
#  elif defined(__GNUC__)
#    define RBTOKEN_API __attribute__((visibility("default")))
#  else
#    define RBTOKEN_API
#  endif
#endif

/** Makes the compiler warn if a status is ignored. */
#ifndef RBTOKEN_NODISCARD
#  if defined(__GNUC__)
#    define RBTOKEN_NODISCARD __attribute__((warn_unused_result))
#  elif defined(__cplusplus) && __cplusplus >= 201703L && !defined(_MSC_VER)
#    define RBTOKEN_NODISCARD [[nodiscard]]
#  else
#    define RBTOKEN_NODISCARD
#  endif
#endif

/** Passed as the length of a C string: the text ends at its first NUL. */
#define RBTOKEN_NUL_TERMINATED SIZE_MAX

/** Expands to the pointer and the length of a C string: `f(RBTOKEN_STR("alice"))`. It can be used
 * only in an argument list. NULL is an error; pass `NULL, 0` for an absent text. */
#define RBTOKEN_STR(s) (s), RBTOKEN_NUL_TERMINATED

/** Sets a text field of an options struct to a C string, and sets its length:
 * `RBTOKEN_SET_STR(&options, local_site, "north")`. NULL is an error. For an absent text, leave the
 * field as RBTOKEN_INIT() set it. */
#define RBTOKEN_SET_STR(options, field, s) \
  ((void)((options)->field = (s)), (void)((options)->field##_len = RBTOKEN_NUL_TERMINATED))

/** Initializes an options struct with all defaults: `RBTOKEN_INIT(&options)`. */
#define RBTOKEN_INIT(options) \
  ((void)memset((options), 0, sizeof *(options)), \
   (void)((options)->struct_size = sizeof *(options)))

/** Does the same as RBTOKEN_INIT(), for languages that cannot use C macros, such as Zig:
 * `rbtoken_options_init(&options, sizeof options)`. */
static inline void rbtoken_options_init(void *options, size_t struct_size)
{
  memset(options, 0, struct_size);
  memcpy(options, &struct_size, sizeof struct_size);
}

/** Does the same as RBTOKEN_SET_STR(), for languages that cannot use C macros:
 * `rbtoken_text_set(&options.local_site, &options.local_site_len, "north")`. */
static inline void rbtoken_text_set(const char **text, size_t *text_len, const char *s)
{
  *text = s;
  *text_len = RBTOKEN_NUL_TERMINATED;
}
