// What of node's library is loaded for a function that loads none of it.
'use strict';

const costly = ['fs/promises', 'internal/fs/streams', 'stream', 'net', 'http', 'tty', 'crypto'];

exports.handler = async () => costly.filter(name => process.moduleLoadList.includes(`NativeModule ${name}`));
