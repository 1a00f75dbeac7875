/** The CustomResourceDefinition of TrafficPolicy, as an object. */
import { trafficPolicyApi } from '../traffic-policy.js';
import { specSchema, statusSchema } from './spec.js';
import { toStructural, type Field, type Schema } from './structural.js';

const columns = [
  { name: 'Target', type: 'string', jsonPath: '.status.target' },
  // The spec says nothing where it is the usual one, and there are no defaults to be written into it.
  { name: 'Mode', type: 'string', jsonPath: '.status.mode' },
  {
    name: 'Accepted',
    type: 'string',
    jsonPath: '.status.conditions[?(@.type=="Accepted")].reason',
  },
  { name: 'Live', type: 'string', jsonPath: '.status.proxies.summary' },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
];

/** Every field of `spec` and then of `status`, in order, with the whole definition. */
export function trafficPolicyDefinition(): {
  readonly definition: Schema;
  readonly fields: readonly Field[];
} {
  const { group, version, kind } = trafficPolicyApi;
  const spec = toStructural('spec', specSchema);
  const status = toStructural('status', statusSchema);
  const conditions = { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] };
  const definition = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `trafficpolicies.${group}`,
      labels: { 'app.kubernetes.io/part-of': 'skerry' },
    },
    spec: {
      group,
      scope: 'Namespaced',
      names: {
        kind,
        listKind: `${kind}List`,
        plural: 'trafficpolicies',
        singular: 'trafficpolicy',
        shortNames: ['tp'],
        categories: ['skerry'],
      },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: columns,
          schema: {
            openAPIV3Schema: {
              type: 'object',
              description: 'Everything that a platform engineer says about traffic.',
              required: ['spec'],
              properties: {
                apiVersion: { type: 'string' },
                kind: { type: 'string' },
                metadata: { type: 'object' },
                spec: spec.schema,
                status: withConditions(status.schema, conditions),
              },
            },
          },
        },
      ],
    },
  };
  return { definition, fields: [...spec.fields, ...status.fields] };
}

/** Conditions are a list by type, so that several writers can each own theirs. */
function withConditions(status: Schema, extras: Schema): Schema {
  const properties = { ...(status['properties'] as Record<string, Schema>) };
  return {
    ...status,
    properties: { ...properties, conditions: { ...properties['conditions'], ...extras } },
  };
}
