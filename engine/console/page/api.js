// Questions to the instance that served this page. The token lives in this module only: no cookie
// and no storage holds it, so no other page can use it, and a reload forgets it.

let token = "";
let signIns = 0;
let routes = new Set();

export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export function setToken(text) {
  token = text.trim();
  signIns += 1;
}

// A path of the OpenAPI document with its {…} filled in, in order.
export function path(template, values = [], query = {}) {
  const rest = [...values];
  const filled = template.replace(/\{[^}]*\}/g, () => encodeURIComponent(rest.shift()));
  const parameters = new URLSearchParams(query).toString();
  return parameters === "" ? filled : `${filled}?${parameters}`;
}

// An answer that comes after another caller signed in or out is for nobody.
async function ask(target, read) {
  const asked = signIns;
  const headers = token === "" ? {} : { Authorization: `Bearer ${token}` };
  const answer = await fetch(target, { headers, cache: "no-store", credentials: "omit" });
  if (answer.ok) {
    const body = await read(answer);
    if (asked !== signIns) throw new ApiError(401, "another caller signed in or out");
    return body;
  }
  let message = answer.statusText;
  try {
    message = (await answer.json()).error ?? message;
  } catch {
    // The status has to do.
  }
  throw new ApiError(answer.status, message);
}

export async function getJson(template, values, query) {
  return ask(path(template, values, query), (answer) => answer.json());
}

export async function getText(template, values, query) {
  return ask(path(template, values, query), (answer) => answer.text());
}

// Which paths this program has: others than the CRM job have no accounts.
export async function learnRoutes() {
  routes = new Set(Object.keys((await getJson("/v1/openapi.json")).paths));
}

export function hasRoute(template) {
  return routes.has(template);
}
