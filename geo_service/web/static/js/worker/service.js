/*
 * Keeps the worker's page on the phone, so that it opens where there is no line. The page and its files come from the
 * server whenever it answers; what was kept is for when it does not. Data are never kept here.
 */

const KEPT = "geo-service-worker-1";
const PATIENCE_MS = 4000;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

const isOurs = (url) => url.origin === self.location.origin && (url.pathname === "/worker" || url.pathname.startsWith("/static/"));

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method === "GET" && isOurs(url)) event.respondWith(answer(event.request, url));
});

async function answer(request, url) {
  const kept = await caches.open(KEPT);
  const key = url.pathname === "/worker" ? "/worker" : request;
  const known = await kept.match(key);
  if (known && url.searchParams.has("v")) return known; // its address changes with its content
  try {
    const response = await within(fetch(request), known ? PATIENCE_MS : 30000);
    if (response.ok) {
      await kept.put(key, response.clone());
      if (url.searchParams.has("v")) await forget(kept, url);
    }
    return response;
  } catch (error) {
    if (known) return known;
    throw error;
  }
}

/** Drop the former contents of a file: the same path with another version. */
async function forget(kept, { pathname, search }) {
  for (const { url } of await kept.keys()) {
    const old = new URL(url);
    if (old.pathname === pathname && old.searchParams.has("v") && old.search !== search) await kept.delete(url);
  }
}

function within(promise, milliseconds) {
  return new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error("no answer in time")), milliseconds);
    promise.then(resolve, reject);
  });
}
