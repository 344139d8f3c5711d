// Answers that are sent while they are made.
'use strict';

const { Readable } = require('stream');
const { pipeline } = require('stream/promises');

const pause = () => new Promise(resolve => setTimeout(resolve, 10));

exports.text = awslambda.streamifyResponse(async (event, stream) => {
    stream.setContentType('text/plain');
    stream.write('one, ');
    await pause();
    stream.write(Buffer.from('two, '));
    stream.write({ three: 3 });
    stream.end();
});

exports.http = awslambda.streamifyResponse(async (event, stream) => {
    stream = awslambda.HttpResponseStream.from(stream, { statusCode: 201, headers: { 'x-a': 'b' }, cookies: ['c=d'] });
    stream.write('body');
    stream.end();
});

exports.empty = awslambda.streamifyResponse(async (event, stream) => stream.end());

exports.piped = awslambda.streamifyResponse(async (count, stream) => {
    await pipeline(Readable.from((function* () { for (let i = 0; i < count; i += 1) yield 'x'.repeat(1000); })()), stream);
});

exports.early = awslambda.streamifyResponse(async () => { throw new TypeError('ahead of any write'); });

exports.midway = awslambda.streamifyResponse(async (event, stream) => {
    stream.write('so far');
    await pause();
    throw new TypeError('in the middle');
});

exports.open = awslambda.streamifyResponse(async (event, stream) => { stream.write('so far'); });

exports.late = awslambda.streamifyResponse(async (event, stream) => {
    stream.write('x');
    await pause();
    stream.setContentType('text/plain');
});

exports.destroyed = awslambda.streamifyResponse(async (event, stream) => {
    stream.write('so far');
    stream.destroy(new Error('given up'));
});
