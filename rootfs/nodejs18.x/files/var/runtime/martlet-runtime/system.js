// System calls, from below node's library: this is the one file that knows what node 18 is like inside.
//
// To load `fs` takes 7 ms, for it brings streams and promises along; `net` takes 5 ms more. Most of a runtime's
// work is to read and to write, so it does that by what they stand on. A call returns what the kernel does:
// a count, or a negative errno.
'use strict';

const files = process.binding('fs');

const errno = { EAGAIN: -11, EPIPE: -32, ECONNRESET: -104 };

function read(fd, buffer, offset, length) {
    const context = {};
    const count = files.read(fd, buffer, offset, length, -1, undefined, context);
    return context.errno === undefined ? count : context.errno;
}

function writeText(fd, text) {
    const context = {};
    const count = files.writeString(fd, text, null, 'utf8', undefined, context);
    return context.errno === undefined ? count : context.errno;
}

function writeBytes(fd, buffer, offset, length) {
    const context = {};
    const count = files.writeBuffer(fd, buffer, offset, length, null, undefined, context);
    return context.errno === undefined ? count : context.errno;
}

// Writes all of a text; zero, or a negative errno. What could not be written at once is tried again.
function writeAll(fd, text, retry) {
    const length = Buffer.byteLength(text);
    let count = writeText(fd, text);
    if (count === length) return 0;
    const bytes = Buffer.from(text);
    for (let done = Math.max(count, 0); done < length; done += Math.max(count, 0)) {
        if (count < 0 && !(retry && retry(count))) return count;
        count = writeBytes(fd, bytes, done, length - done);
    }
    return 0;
}

const exists = path => files.internalModuleStat(path) >= 0;

// A blocking connection to a Unix socket by its path, or to an IPv4 address; its descriptor. It lives as long as
// `connect` keeps its handle.
function connect(path, host, port) {
    const layer = process.binding(path ? 'pipe_wrap' : 'tcp_wrap');
    const handle = path ? new layer.Pipe(layer.constants.SOCKET) : new layer.TCP(layer.constants.SOCKET);
    const request = path ? new layer.PipeConnectWrap() : new layer.TCPConnectWrap();
    request.oncomplete = () => {}; // the first write waits for the connection, or finds out why there is none
    if (path) {
        handle.connect(request, path);
    } else {
        handle.connect(request, host, port);
        handle.setNoDelay(true);
    }
    handle.setBlocking(true);
    handle.unref();
    connect.handle = handle;
    return handle.fd;
}

// What os.networkInterfaces() has to tell. libuv asks by netlink, which a sandbox does not have, and os would throw: so
// then it is told of the loopback, which is all there is. For `os` to find this it must not be loaded yet.
function nameLoopback() {
    const layer = process.binding('os');
    const { getInterfaceAddresses } = layer;
    const mac = '00:00:00:00:00:00';
    layer.getInterfaceAddresses = context => {
        const found = getInterfaceAddresses(context);
        if (found !== undefined) return found;
        const loopback = ['lo', '127.0.0.1', '255.0.0.0', 'IPv4', mac, true, -1];
        if (!exists('/proc/net/if_inet6')) return loopback;
        return [...loopback, 'lo', '::1', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'IPv6', mac, true, 0];
    };
}

module.exports = { connect, errno, exists, nameLoopback, read, writeAll };
