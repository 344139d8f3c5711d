'use strict';
// Streamed answers, as the event says.

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const ways = {
    async parts(stream, event) {
        for (let number = 0; number < event.count; number++) {
            stream.write(`part ${number}\n`);
            await pause(event.pause);
        }
    },
    async fails(stream) {
        stream.write('so far');
        await pause(100);
        throw new TypeError('in the middle');
    },
    async hangs(stream) {
        stream.write('so far');
        await pause(100_000);
    },
    async dies(stream) {
        stream.write('so far');
        await pause(100);
        process.exit(3);
    },
    async large(stream, event) {
        const chunk = Buffer.alloc(1 << 20, 'x');
        for (let number = 0; number < event.megabytes; number++) {
            if (!stream.write(chunk)) await new Promise((resolve) => stream.once('drain', resolve));
        }
    },
};

exports.handler = awslambda.streamifyResponse(async (event, stream) => {
    stream.setContentType('text/plain');
    await ways[event.do](stream, event);
    stream.end();
});
