export async function handler() {
    return import.meta.url;
}
