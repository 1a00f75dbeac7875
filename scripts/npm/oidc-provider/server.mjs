// An OpenID provider for the suites: oidc-provider (npm) with the clients, people and keys of its environment.
// The first key signs; all are published.
import { createServer } from 'node:http';
import { env, stdout } from 'node:process';
import Provider from 'oidc-provider';

const say = (event, fields = {}) => stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
const groups = JSON.parse(env.GROUPS ?? '{}');
const audiences = { 'urn:shop': 'shop', 'urn:books': 'books' };

const provider = new Provider(env.ISSUER, {
  clients: JSON.parse(env.CLIENTS),
  jwks: JSON.parse(env.JWKS),
  cookies: { keys: ['of a test'] },
  findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  extraTokenClaims: (_context, { accountId, clientId }) => ({
    groups: groups[accountId ?? clientId] ?? [],
  }),
  pkce: { required: () => false },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => 'urn:shop',
      useGrantedResource: () => true,
      getResourceServerInfo: (_context, resource) => ({
        scope: 'read',
        audience: audiences[resource],
        accessTokenFormat: 'jwt',
        accessTokenTTL: 600,
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
});
provider.on('server_error', (_context, error) => say('error', { error: error.stack }));

const answer = provider.callback();
createServer((request, response) => {
  const { method, url, headers } = request;
  say('request', { method, url, by: headers['x-forwarded-client-cert'] });
  answer(request, response);
}).listen(Number(env.PORT), () => say('listening'));
