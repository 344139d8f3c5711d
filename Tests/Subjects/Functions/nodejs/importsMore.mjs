import missing from './missing.mjs';

export const handler = missing;
