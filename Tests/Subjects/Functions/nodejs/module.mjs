const value = await Promise.resolve('ECMAScript');

export const handler = async () => value;
