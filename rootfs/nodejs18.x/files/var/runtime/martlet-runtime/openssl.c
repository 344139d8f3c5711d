// What randoms.js needs of OpenSSL and node does not offer: that the generators of all threads take fresh numbers from
// the kernel before they give any; and some of the kernel's for others, in an array of 32-bit integers. A module by
// Node-API, compiled while the root is built; it asks for no header, so that a compiler is all it takes.

typedef struct value *value;

int RAND_poll(void);
long getrandom(void *, unsigned long, unsigned);
int napi_create_function(void *, const char *, unsigned long, value (*)(void *, void *), void *, value *);
int napi_get_boolean(void *, _Bool, value *);
int napi_get_cb_info(void *, void *, unsigned long *, value *, value *, void **);
int napi_get_typedarray_info(void *, value, int *, unsigned long *, void **, value *, unsigned long *);
int napi_set_named_property(void *, value, const char *, value);

// reseed(array): whether it could be done.
static value reseed(void *environment, void *call)
{
    value array, done;
    unsigned long count = 1, length = 0;
    void *words;
    napi_get_cb_info(environment, call, &count, &array, 0, 0);
    napi_get_typedarray_info(environment, array, 0, &length, &words, 0, 0);
    long size = length * 4;
    napi_get_boolean(environment, RAND_poll() == 1 && size > 0 && getrandom(words, size, 0) == size, &done);
    return done;
}

value napi_register_module_v1(void *environment, value exports)
{
    value function;
    napi_create_function(environment, "reseed", 6, reseed, 0, &function);
    napi_set_named_property(environment, exports, "reseed", function);
    return exports;
}
