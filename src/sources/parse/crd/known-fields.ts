/**
 * The ValidatingAdmissionPolicy that refuses fields of TrafficPolicy that nobody knows. The schema keeps
 * them, so that none is lost in silence; see docs/decisions/0009-unknown-fields.md.
 */
import { trafficPolicyApi } from '../traffic-policy.js';
import type { Schema } from './structural.js';

interface Validation {
  readonly expression: string;
  readonly message: string;
}

/** One place of the object that is being read. */
interface Place {
  readonly schema: Schema;
  /** For people: `spec.routes[].matches[]`. */
  readonly path: string;
  /** The same in CEL. */
  readonly at: string;
  /** Puts an expression about the place where the place exists. */
  readonly within: (expression: string) => string;
  readonly depth: number;
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function validationsOf(place: Place): readonly Validation[] {
  const { schema, path, at, within, depth } = place;
  const { items, properties } = schema;
  if (isSchema(items)) {
    const entry = `e${String(depth)}`;
    return validationsOf({
      ...{ schema: items, path: `${path}[]`, at: entry, depth: depth + 1 },
      within: (inner) => within(`${at}.all(${entry}, ${inner})`),
    });
  }
  if (!isSchema(properties)) return [];
  const names = Object.keys(properties);
  const list = names.map((name) => `'${name}'`).join(', ');
  const own: Validation = {
    expression: within(`${at}.all(k, k in [${list}])`),
    message: `unknown field in ${path}: expected only ${names.join(', ')}`,
  };
  const inner = Object.entries(properties).flatMap(([name, schemaOf]) => {
    if (!isSchema(schemaOf)) return [];
    const child = `${at}.${name}`;
    return validationsOf({
      ...{ schema: schemaOf, path: `${path}.${name}`, at: child, depth },
      within: (expression) => within(`!has(${child}) || ${expression}`),
    });
  });
  return [own, ...inner];
}

/** The policy and its binding, in the order in which they are applied. `spec` is the CRD's schema of the spec. */
export function knownFieldsPolicy(spec: Schema): readonly Schema[] {
  const { group, version } = trafficPolicyApi;
  const metadata = {
    name: `trafficpolicies.${group}`,
    labels: { 'app.kubernetes.io/part-of': 'skerry' },
  };
  const apiVersion = 'admissionregistration.k8s.io/v1';
  const place = { schema: spec, path: 'spec', at: 'object.spec', depth: 0 };
  const policy = {
    apiVersion,
    kind: 'ValidatingAdmissionPolicy',
    metadata,
    spec: {
      // What these rules cannot judge, the control plane reads and reports.
      failurePolicy: 'Ignore',
      matchConstraints: {
        resourceRules: [
          {
            apiGroups: [group],
            apiVersions: [version],
            operations: ['CREATE', 'UPDATE'],
            resources: ['trafficpolicies'],
            // The default; without it every kubectl apply would change the object.
            scope: '*',
          },
        ],
      },
      // Objects from before these rules can still be labelled and deleted.
      matchConditions: [
        {
          name: 'spec-changes',
          expression: 'oldObject == null || object.spec != oldObject.spec',
        },
      ],
      validations: validationsOf({ ...place, within: (expression) => expression }),
    },
  };
  const binding = {
    apiVersion,
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata,
    spec: { policyName: metadata.name, validationActions: ['Deny'] },
  };
  return [policy, binding];
}
