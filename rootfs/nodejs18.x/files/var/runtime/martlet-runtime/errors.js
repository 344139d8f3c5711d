// What becomes of an error: a body for the caller, a line for the log. Loaded when there is one.
'use strict';

const { types } = require('util');
const log = require('./console');

// An error that the runtime found, rather than the function threw.
function fault(name, message) {
    return Object.defineProperty(new Error(message), 'name', { value: `Runtime.${name}` });
}

class UnhandledPromiseRejection extends Error {
    constructor(reason, promise) {
        super(reason);
        this.reason = reason;
        this.promise = promise;
    }
}
UnhandledPromiseRejection.prototype.name = 'Runtime.UnhandledPromiseRejection';

class NodeJsExit extends Error {
    constructor() {
        super('The asynchronous function ended without an answer: nothing was left that could have made one');
    }
}
NodeJsExit.prototype.name = 'Runtime.NodeJsExit';

// The error as the caller gets it.
function describe(error) {
    try {
        if (types.isNativeError(error) || looksLikeError(error)) {
            return { errorType: error.name, errorMessage: error.message, trace: frames(error) };
        }
        return { errorType: typeof error, errorMessage: String(error), trace: [] };
    } catch {
        return { errorType: 'handled', errorMessage: 'the error fails when asked for its name, message or stack' };
    }
}

const looksLikeError = error => ['name', 'message', 'stack'].every(key => error[key] && typeof error[key] === 'string');

// The lines of the stack, without those at its end that are the runtime's or node's.
const notTheirs = /^ +at .*(\/var\/runtime\/martlet-runtime\/|\(?node:)/;

function frames(error) {
    const lines = error.stack.split('\n');
    while (lines.length > 1 && notTheirs.test(lines[lines.length - 1])) lines.pop();
    return lines;
}

// Logs an error that the function did not catch.
function write(title, error) {
    if (!(error instanceof Error)) error = new Error(error);
    if (log.json) console.error(error);
    else console.error(title, `\t${text(error)}`);
}

function text(error) {
    try {
        return JSON.stringify(error, (_, value) => !(value instanceof Error) ? value : {
            errorType: value.name, errorMessage: value.message, code: value.code, ...value,
            stack: typeof value.stack === 'string' ? frames(value) : undefined,
        });
    } catch {
        return JSON.stringify(describe(error)); // a circle, or the like
    }
}

module.exports = { fault, describe, write, UnhandledPromiseRejection, NodeJsExit };
