/** Fifty malformed and hostile manifests, each with at least one thing to complain about. */

let objects = 0;
/** A name of its own for each, since of two objects of one name only the first is looked at. */
const nextName = (): string => {
  objects += 1;
  return `hostile-${objects}`;
};
const service = (spec: string): string =>
  `apiVersion: v1\nkind: Service\nmetadata: {name: ${nextName()}, namespace: b}\nspec: ${spec}\n`;
const policy = (spec: string, namespace = 'b'): string =>
  `apiVersion: skerry.dev/v1alpha1\nkind: TrafficPolicy\nmetadata: {name: ${nextName()}, namespace: ${namespace}}\nspec: ${spec}\n`;
const reviews = '{kind: Service, name: reviews}';
const routes = (rule: string): string => policy(`{targetRefs: [${reviews}], routes: [${rule}]}`);
/** Of a namespace that nobody calls: where authorization cannot be read, it fails closed. */
const inbound = (section: string): string =>
  policy(`{targetRefs: [{kind: Namespace}], inbound: ${section}}`, 'c');
const allow = (rule: string): string => inbound(`{authorization: {allow: [${rule}]}}`);

/** Each level has nine aliases of the one before: 9^9 values when written out. */
const billionLaughs = [
  'a: &a [x, x, x, x, x, x, x, x, x]',
  ...Array.from('bcdefghi', (name, index) => {
    const former = '*' + 'abcdefgh'.charAt(index);
    return `${name}: &${name} [${Array.from({ length: 9 }, () => former).join(', ')}]`;
  }),
].join('\n');

const brokenYaml: readonly string[] = [
  service('{ports: ['),
  service('"not closed'),
  'apiVersion: v1\nkind: Service\n\tmetadata: {}\n',
  'apiVersion: v1\n  kind: Service\n metadata: {}\n',
  'kind: Service\nkind: Service\n',
  service('*nothing'),
  service('!!js/function "function () {}"'),
  service('a\0b'),
  'apiVersion: v1: v2\n',
  `${service('{}')}---\n${service('{ports: [')}`,
  '{"apiVersion": "v1", "kind": "Service", ',
  '[[[[[[[[[[',
  '%YAML 1.2\n',
];

const tooMuch: readonly string[] = [
  service(`"${'x'.repeat(10 * 1024 * 1024)}"`),
  billionLaughs,
  `base: &base {${Array.from({ length: 5_000 }, (_, at) => `k${at}: 1`).join(', ')}}\nall:\n  <<: [${Array.from({ length: 5_000 }, () => '*base').join(', ')}]\n`,
  '['.repeat(100_000),
  '- '.repeat(20_000),
  service(`[${'1, '.repeat(300_000)}]`),
  '---\na: 1\n'.repeat(10_001),
  service('&self {again: *self}'),
];

const notObjects: readonly string[] = [
  '42\n',
  'hello\n',
  '- a\n- b\n',
  'a: 1\n',
  'apiVersion: v1\nkind: Service\nmetadata: {namespace: b}\n',
  'apiVersion: v1\nkind: Service\nmetadata: []\n',
  'apiVersion: v1\nkind: Service\nmetadata: {name: a/../b, namespace: b}\n',
  'apiVersion: v1\nkind: Sevice\nmetadata: {name: a, namespace: b}\n',
  'apiVersion: v2\nkind: Service\nmetadata: {name: a, namespace: b}\nspec: {}\n',
];

const wrongFields: readonly string[] = [
  service('[]'),
  service('{ports: [{port: "80"}]}'),
  service('{ports: [{port: 70000}]}'),
  service('{clusterIP: not-an-address, ports: [{port: 80}]}'),
  'apiVersion: v1\nkind: Pod\nmetadata: {name: hostile, namespace: b}\nspec: {}\nstatus: {podIPs: [{ip: 999.1.1.1}]}\n',
  'apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: hostile, namespace: b, labels: {kubernetes.io/service-name: reviews}}\naddressType: IPv4\nendpoints: [{addresses: [nowhere]}]\n',
  policy('{}'),
  policy('{targetRefs: [{kind: Deployment, name: a}]}'),
  policy('{targetRefs: [{kind: Mesh}], inbound: {mtls: {mode: Disabled}}}', 'c'),
  routes('{timeout: soon}'),
  routes('{matches: [{path: {type: RegularExpression, value: "("}}]}'),
  routes('{matches: [{method: get}]}'),
  routes('{backends: [{service: reviews, weight: -1}]}'),
  routes('{backends: [{service: reviews, subset: {version: v1}}]}'),
  routes('{redirect: {hostname: a.example.com}, timeout: 1s}'),
  routes('{fault: {abort: {percent: 101, httpStatus: 503}}}'),
  inbound('{mtls: {mode: Sometimes}}'),
  allow('{from: []}'),
  allow('{from: [{namespaces: a}]}'),
];

/** References to nothing: accepted, and said. */
const dangling: readonly string[] = [
  'apiVersion: skerry.dev/v1alpha1\nkind: TrafficPolicy\nmetadata: {name: dangling, namespace: b}\nspec: {targetRefs: [{kind: Service, name: nowhere}], routes: [{timeout: 1s}]}\n',
];

/** Texts of files, in no order that matters. */
export const malformed: readonly string[] = [
  ...brokenYaml,
  ...tooMuch,
  ...notObjects,
  ...wrongFields,
  ...dangling,
];
