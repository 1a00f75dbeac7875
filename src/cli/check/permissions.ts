/** Whether whoever asks may install: asked of the API server, right by right, without writing anything. */
import { at, listAt } from '../cluster/objects.js';
import type { Manifest } from '../install/manifest.js';
import { installObjects } from '../install/objects.js';
import { defaultInstall } from '../install/options.js';
import { resourceOf } from '../install/paths.js';
import { fine, type Check, type CheckFinding, type CheckOutcome } from './check.js';
import { eachOf, type Facts } from './facts.js';

/** One right, in the words of a SelfSubjectAccessReview; absent fields mean all. */
interface Right {
  readonly verb: string;
  readonly group?: string;
  readonly resource?: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
  /** Of what is no resource. */
  readonly path?: string;
}

function title({ verb, group, resource, subresource, namespace, name, path }: Right): string {
  if (path !== undefined) return `${verb} ${path}`;
  const full = [resource, subresource].filter(Boolean).join('/');
  const kind = group === undefined || group === '' ? full : `${full}.${group}`;
  const place = namespace === undefined ? '' : ` in ${namespace}`;
  return `${verb} ${kind}${name === undefined ? '' : ` ${name}`}${place}`;
}

async function may(facts: Facts, right: Right): Promise<boolean> {
  const { verb, path, ...resourceAttributes } = right;
  const spec =
    path === undefined
      ? { resourceAttributes: { verb, ...resourceAttributes } }
      : { nonResourceAttributes: { verb, path } };
  const body = { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec };
  const answer = await facts.client.send({
    ...{ method: 'POST', path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', body },
  });
  return at(answer, 'status', 'allowed') === true;
}

async function missingOf(facts: Facts, rights: readonly Right[]): Promise<readonly string[]> {
  const allowed = await eachOf(rights, (right) => may(facts, right), 16);
  return rights.filter((_right, index) => allowed[index] !== true).map(title);
}

function rightsOn(manifest: Manifest): readonly Right[] {
  const { name, namespace } = manifest.metadata;
  const where = { ...resourceOf(manifest), name, ...(namespace !== undefined && { namespace }) };
  return ['get', 'create', 'patch'].map((verb) => ({ verb, ...where }));
}

/** What a rule of a role grants, right by right. */
function rightsOfRule(rule: unknown, namespace: string | undefined): readonly Right[] {
  const texts = (field: string): readonly string[] => listAt(rule, field).map(String);
  const where = namespace === undefined ? {} : { namespace };
  const names = texts('resourceNames');
  const onResources = texts('apiGroups').flatMap((group) =>
    texts('resources').flatMap((full): readonly Right[] => {
      const [resource = '', subresource] = full.split('/');
      const kind = { group, resource, ...where, ...(subresource !== undefined && { subresource }) };
      return names.length === 0
        ? [{ verb: '', ...kind }]
        : names.map((name) => ({ verb: '', ...kind, name }));
    }),
  );
  const onPaths = texts('nonResourceURLs').map((path): Right => ({ verb: '', path }));
  return [...onResources, ...onPaths].flatMap((right) =>
    texts('verbs').map((verb) => ({ ...right, verb })),
  );
}

/**
 * Rights that a role would grant and whoever installs lacks: the API server refuses those, unless
 * they may `escalate` (https://kubernetes.io/docs/reference/access-authn-authz/rbac/).
 */
async function missingToGrant(facts: Facts, role: Manifest): Promise<readonly string[]> {
  const { name, namespace } = role.metadata;
  const where = { ...resourceOf(role), name, ...(namespace !== undefined && { namespace }) };
  const isFree = await eachOf(['escalate', 'bind'], (verb) => may(facts, { verb, ...where }));
  if (isFree.every(Boolean)) return [];
  const rights = listAt(role, 'rules').flatMap((rule) => rightsOfRule(rule, namespace));
  return (await missingOf(facts, rights)).map((right) => `grant: ${right}`);
}

const shown = 8;

/** Whether whoever asks may install. */
export const permissionsCheck: Check = {
  name: 'permissions',
  needs: ['api-server'],
  async look(facts): Promise<CheckOutcome> {
    const manifests = installObjects(defaultInstall);
    const own = await missingOf(facts, manifests.flatMap(rightsOn));
    const roles = manifests.filter(({ kind }) => kind === 'Role' || kind === 'ClusterRole');
    const granted = (await eachOf(roles, (role) => missingToGrant(facts, role), 1)).flat();
    const missing = [...new Set([...own, ...granted])];
    if (missing.length === 0) return fine(`all rights on ${String(manifests.length)} objects`);
    const more = missing.length > shown ? [`and ${String(missing.length - shown)} more`] : [];
    const findings = [...missing.slice(0, shown), ...more].map((says): CheckFinding => ({
      code: 'MayNotInstall',
      says,
    }));
    return { says: `${String(missing.length)} rights are missing`, findings };
  },
};
