// What randoms.js needs of OpenSSL and node does not offer: that the generators of all threads take fresh numbers from the
// kernel before they give any. A module by Node-API, compiled while the root is built; it asks for no header, so that
// a compiler is all it takes.

typedef struct value *value;

int RAND_poll(void);
int napi_create_function(void *, const char *, unsigned long, value (*)(void *, void *), void *, value *);
int napi_get_boolean(void *, _Bool, value *);
int napi_set_named_property(void *, value, const char *, value);

static value reseed(void *environment, void *call)
{
    value done;
    napi_get_boolean(environment, RAND_poll() == 1, &done);
    return done;
}

value napi_register_module_v1(void *environment, value exports)
{
    value function;
    napi_create_function(environment, "reseed", 6, reseed, 0, &function);
    napi_set_named_property(environment, exports, "reseed", function);
    return exports;
}
