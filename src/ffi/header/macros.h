/** Marks what the library exports. Define RBTOKEN_STATIC before including this header if you link
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

/** Marks functions whose status must not be ignored. */
#ifndef RBTOKEN_NODISCARD
#  if defined(__GNUC__)
#    define RBTOKEN_NODISCARD __attribute__((warn_unused_result))
#  elif defined(__cplusplus) && __cplusplus >= 201703L && !defined(_MSC_VER)
#    define RBTOKEN_NODISCARD [[nodiscard]]
#  else
#    define RBTOKEN_NODISCARD
#  endif
#endif

/** A length that stands for "up to the first NUL". */
#define RBTOKEN_NUL_TERMINATED SIZE_MAX

/** A C string as the two arguments that a text takes: `f(RBTOKEN_STR("alice"))`. It is no expression
 * of its own. NULL is an error; for a text that may be absent write `NULL, 0`. */
#define RBTOKEN_STR(s) (s), RBTOKEN_NUL_TERMINATED

/** Sets a text of an options struct to a C string:
 * `RBTOKEN_SET_STR(&options, local_site, "north")`. NULL is an error; a text that is to be absent
 * is left as RBTOKEN_INIT() left it. */
#define RBTOKEN_SET_STR(options, field, s) \
  ((void)((options)->field = (s)), (void)((options)->field##_len = RBTOKEN_NUL_TERMINATED))

/** Sets a struct that starts with `struct_size` to all defaults: `RBTOKEN_INIT(&options)`. */
#define RBTOKEN_INIT(options) \
  ((void)memset((options), 0, sizeof *(options)), \
   (void)((options)->struct_size = sizeof *(options)))

/** Does what RBTOKEN_INIT() does, for languages that import this header without its macros, such as
 * Zig: `rbtoken_options_init(&options, sizeof options)`. `struct_size` is the size of the caller's
 * struct. */
static inline void rbtoken_options_init(void *options, size_t struct_size)
{
  memset(options, 0, struct_size);
  memcpy(options, &struct_size, sizeof struct_size);
}

/** Does what RBTOKEN_SET_STR() does, for languages that import this header without its macros:
 * `rbtoken_text_set(&options.local_site, &options.local_site_len, "north")`. */
static inline void rbtoken_text_set(const char **text, size_t *text_len, const char *s)
{
  *text = s;
  *text_len = RBTOKEN_NUL_TERMINATED;
}
