// Handlers that answer by a callback.
'use strict';

exports.result = (event, context, callback) => callback(null, event);
exports.error = (event, context, callback) => callback(new RangeError('by the callback'));
exports.text = (event, context, callback) => callback('just text');
exports.later = (event, context, callback) => { setTimeout(callback, 10, null, 'later'); };
exports.twice = (event, context, callback) => { callback(null, 'first'); callback(null, 'second'); };

let turns = 0;

// The answer waits for what is left to do...
exports.waits = (event, context, callback) => {
    setTimeout(() => console.log('done in this invocation'), 30);
    callback(null, 'waited');
};

// ... unless told not to.
exports.hurries = (event, context, callback) => {
    context.callbackWaitsForEmptyEventLoop = false;
    const before = turns;
    setTimeout(() => { turns += 1; }, 1000).unref();
    const timer = setInterval(() => { turns += 1; }, 1000);
    callback(null, before);
    return timer;
};

exports.done = (event, context) => context.done(null, 'done');
exports.succeed = (event, context) => context.succeed('succeeded');
exports.fail = (event, context) => context.fail(new Error('failed'));
exports.failPlain = (event, context) => context.fail();
