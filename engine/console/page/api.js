// Questions to the instance that served this page. The token lives in this module only: no cookie
// and no storage holds it, so no other page can use it, and a reload forgets it.

let token = "";
let routes = new Set();

export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export function setToken(text) {
  token = text.trim();
}

// A path of the OpenAPI document with its {…} filled in, in order.
export function path(template, values = [], query = {}) {
  const rest = [...values];
  const filled = template.replace(/\{[^}]*\}/g, () => encodeURIComponent(rest.shift()));
  const parameters = new URLSearchParams(query).toString();
  return parameters === "" ? filled : `${filled}?${parameters}`;
}

async function ask(target) {
  const headers = token === "" ? {} : { Authorization: `Bearer ${token}` };
  const answer = await fetch(target, { headers, cache: "no-store", credentials: "omit" });
  if (answer.ok) return answer;
  let message = answer.statusText;
  try {
    message = (await answer.json()).error ?? message;
  } catch {
    // The status has to do.
  }
  throw new ApiError(answer.status, message);
}

export async function getJson(template, values, query) {
  return (await ask(path(template, values, query))).json();
}

export async function getText(template, values, query) {
  return (await ask(path(template, values, query))).text();
}

// Which paths this program has: others than the CRM job have no accounts.
export async function learnRoutes() {
  routes = new Set(Object.keys((await getJson("/v1/openapi.json")).paths));
}

export function hasRoute(template) {
  return routes.has(template);
}
