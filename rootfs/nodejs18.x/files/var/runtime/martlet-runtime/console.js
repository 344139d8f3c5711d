// console.log and its kin, in the format of the log: a line each, with time, request and level, or a line of JSON.
//
// The lines are written at once: process.stdout is a stream, and takes 4 ms to make.
'use strict';

const { errno, writeAll } = require('./system');

const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
const json = (process.env.AWS_LAMBDA_LOG_FORMAT || '').toUpperCase() === 'JSON';
let id; // of the current request

function install() {
    const least = LEVELS.indexOf((process.env.AWS_LAMBDA_LOG_LEVEL || '').toUpperCase());
    const format = json ? jsonLine : textLine;
    const printer = level => LEVELS.indexOf(level) < least ? () => {}
        : (...values) => write(`${format(level, new Date().toISOString(), values)}\n`);
    console.trace = printer('TRACE');
    console.debug = printer('DEBUG');
    console.log = console.info = printer('INFO');
    console.warn = printer('WARN');
    console.error = printer('ERROR');
    console.fatal = printer('FATAL');
}

// In a log a line is a message: a message of many lines has them ended by carriage returns.
function textLine(level, time, values) {
    return `${time}\t${id}\t${level}\t${message(values)}`.replace(/\n/g, '\r');
}

function message(values) {
    if (values.length === 1 && typeof values[0] === 'string') return values[0];
    return require('util').format(...values.length ? values : [undefined]);
}

function jsonLine(level, timestamp, values) {
    const line = { timestamp, level, requestId: id };
    if (values.length <= 1) {
        try {
            return JSON.stringify({ ...line, message: values[0] }, withErrors);
        } catch {
            return JSON.stringify({ ...line, message: message(values) }); // a circle, or the like
        }
    }
    line.message = message(values);
    const error = values.find(value => value instanceof Error);
    return JSON.stringify(error ? { ...line, ...fields(error) } : line);
}

const withErrors = (_, value) => value instanceof Error ? { ...fields(value), ...value } : value;

const fields = error => ({
    errorType: error.constructor && error.constructor.name || 'UnknownError',
    errorMessage: error.message,
    stackTrace: typeof error.stack === 'string' ? error.stack.split('\n') : [],
});

// Nobody may be there to read it: this is no reason to fail.
function write(line) {
    writeAll(1, line, failure => {
        if (failure !== errno.EAGAIN) return false;
        // The function has used process.stdout, which makes the pipe non-blocking, and it is full.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
        return true;
    });
}

module.exports = { install, json, request(value) { id = value; } };
