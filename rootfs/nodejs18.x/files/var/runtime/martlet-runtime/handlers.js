// From the name of a handler, `directory/file.export.nested`, to the function.
'use strict';

const path = require('path');
const { exists } = require('./system');

// What a file finds as `awslambda`. A streaming handler is known by its mark.
globalThis.awslambda = {
    streamifyResponse(handler, options) {
        handler[Symbol.for('aws.lambda.runtime.handler.streaming')] = 'response';
        if (options && typeof options.highWaterMark === 'number') {
            handler[Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark')] = options.highWaterMark;
        }
        return handler;
    },
    get HttpResponseStream() { return require('./streaming').HttpResponseStream; },
};

async function load(root, name) {
    if (name.includes('..')) {
        throw fault('MalformedHandlerName', `'${name}' is not a valid handler name: it must not contain '..'`);
    }
    const [, directory, file, property] = /^(.*\/)?([^./]*)\.([^/]+)$/.exec(name) || [];
    if (!property) throw fault('MalformedHandlerName', 'Bad handler');

    let found;
    try {
        found = await loadFile(root, directory || '', file);
    } catch (error) {
        if (error instanceof SyntaxError) throw fault('UserCodeSyntaxError', error);
        if (error && error.code === 'MODULE_NOT_FOUND') throw fault('ImportModuleError', error);
        throw error;
    }
    for (const key of property.split('.')) found = found && found[key];
    if (!found) throw fault('HandlerNotFound', `${name} is undefined or not exported`);
    if (typeof found !== 'function') throw fault('HandlerNotFound', `${name} is not a function`);
    return found;
}

async function loadFile(root, directory, file) {
    const base = path.resolve(root, directory, file);
    if (exists(`${base}.js`)) {
        try {
            return require(`${base}.js`);
        } catch (error) {
            // A package.json makes it an ECMAScript module: node knows best.
            if (!error || error.code !== 'ERR_REQUIRE_ESM') throw error;
            return import(`${base}.js`);
        }
    }
    if (exists(`${base}.mjs`)) return import(`${base}.mjs`);
    if (exists(`${base}.cjs`)) return require(`${base}.cjs`);
    if (exists(base)) return require(base);
    return require(require.resolve(file, { paths: [root, path.resolve(root, directory)] })); // a package
}

const fault = (name, message) => require('./errors').fault(name, message);

module.exports = load;
