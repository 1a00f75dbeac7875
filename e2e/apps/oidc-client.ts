/** Gets an access token as apps do: discovery, then the flow of its first argument; prints the answer. */
const [flow = '', issuer = '', client = '', secret = '', resource = '', user = ''] =
  process.argv.slice(2);

interface Discovery {
  readonly token_endpoint: string;
  readonly authorization_endpoint: string;
  readonly jwks_uri: string;
}

const discovery = (await (
  await fetch(`${issuer}/.well-known/openid-configuration`)
).json()) as Discovery;
const callback = 'http://front.web/callback';
const form = { 'content-type': 'application/x-www-form-urlencoded' };

/** RFC 6749, section 4.4. */
function clientCredentials(): Readonly<Record<string, string>> {
  return { grant_type: 'client_credentials', scope: 'read', resource };
}

const cookies = new Map<string, string>();

/** One step of a browser: keeps cookies, says where it is sent. */
async function step(url: string, fields?: Readonly<Record<string, string>>): Promise<string> {
  const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  const response = await fetch(new URL(url, issuer), {
    redirect: 'manual',
    headers: { cookie, ...(fields === undefined ? {} : form) },
    ...(fields === undefined ? {} : { method: 'POST', body: new URLSearchParams(fields) }),
  });
  for (const line of response.headers.getSetCookie()) {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    cookies.set(name, value);
  }
  const location = response.headers.get('location');
  if (location === null) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  return location;
}

/** RFC 6749, section 4.1: somebody signs in, agrees, and comes back with a code. */
async function authorizationCode(): Promise<Readonly<Record<string, string>>> {
  const asked = { client_id: client, response_type: 'code', scope: 'openid read', resource };
  const query = new URLSearchParams({ ...asked, redirect_uri: callback });
  const login = await step(`${discovery.authorization_endpoint}?${query.toString()}`);
  const afterLogin = await step(login, { prompt: 'login', login: user, password: 'any' });
  const consent = await step(afterLogin);
  const afterConsent = await step(consent, { prompt: 'consent' });
  const code = new URL(await step(afterConsent)).searchParams.get('code') ?? '';
  return { grant_type: 'authorization_code', code, redirect_uri: callback };
}

const asked = flow === 'code' ? await authorizationCode() : clientCredentials();
const basic = Buffer.from(`${client}:${secret}`).toString('base64');
const response = await fetch(discovery.token_endpoint, {
  method: 'POST',
  headers: { ...form, authorization: `Basic ${basic}` },
  body: new URLSearchParams(asked),
});
const { jwks_uri } = discovery;
console.log(JSON.stringify({ jwks_uri, ...((await response.json()) as object) }));
