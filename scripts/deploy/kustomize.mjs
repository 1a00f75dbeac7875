// Writes the Kustomize base, and what tells other forms of an installation from it as components: objects and JSON patches.
import { axesOf, fileOf, groupByFile, mark, toYaml } from './files.mjs';
import { isMap } from './variants.mjs';

const escapePointer = (key) => key.replaceAll('~', '~0').replaceAll('/', '~1');

/** The operations of RFC 6902 that turn `from` into `to`. */
function jsonPatch(from, to, path = '') {
  if (JSON.stringify(from) === JSON.stringify(to)) return [];
  if (Array.isArray(from) && Array.isArray(to) && from.length === to.length) {
    return to.flatMap((item, index) => jsonPatch(from[index], item, `${path}/${index}`));
  }
  if (!isMap(from) || !isMap(to)) return [{ op: 'replace', path, value: to }];
  const at = (key) => `${path}/${escapePointer(key)}`;
  const gone = Object.keys(from).filter((key) => !Object.hasOwn(to, key));
  return [
    ...gone.map((key) => ({ op: 'remove', path: at(key) })),
    ...Object.entries(to).flatMap(([key, value]) =>
      Object.hasOwn(from, key)
        ? jsonPatch(from[key], value, at(key))
        : [{ op: 'add', path: at(key), value }],
    ),
  ];
}

function targetOf({ apiVersion, kind, metadata }) {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  const { name, namespace } = metadata;
  return { ...(group && { group }), version, kind, name, ...(namespace && { namespace }) };
}

/** The component that makes `to` of `from`, and the objects that only `to` has. */
function componentOf(from, to, keyOf) {
  const before = new Map(from.map((object) => [keyOf(object), object]));
  const after = new Set(to.map(keyOf));
  const lost = from.filter((object) => !after.has(keyOf(object)));
  if (lost.length > 0) throw new Error(`a component cannot take ${lost.map(keyOf)} away`);
  const added = to.filter((object) => !before.has(keyOf(object)));
  const patches = to.flatMap((object) => {
    const operations = before.has(keyOf(object))
      ? jsonPatch(before.get(keyOf(object)), object)
      : [];
    return operations.length === 0 ? [] : [{ target: targetOf(object), operations }];
  });
  return { added, patches };
}

/** Plain data: what is undefined is not there. */
const objectsOf = ({ installObjects }, options) =>
  JSON.parse(JSON.stringify(installObjects(options)));

/** Has the transformer of images see those of injected pods too. */
const imageFields = {
  images: [{ path: 'spec/template/spec/containers/env/value', kind: 'Deployment' }],
};

/** The base, the definitions beside it, and a component for each option, by path. */
export function kustomizeFiles(install, definitionFiles) {
  const folder = 'deploy/kustomize';
  const base = objectsOf(install, install.defaultInstall);
  const own = groupByFile(base.filter((object) => fileOf(object) !== 'crds'));
  const files = [...own].map(([name, objects]) => [
    `${folder}/${name}.yaml`,
    `${mark}${objects.map(toYaml).join('---\n')}`,
  ]);
  const kustomization = {
    ...{ apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization' },
    resources: ['../crds', ...[...own.keys()].map((name) => `${name}.yaml`)],
    configurations: ['image-fields.yaml'],
  };
  const definitions = {
    ...{ apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization' },
    resources: definitionFiles,
  };
  return {
    'deploy/crds/kustomization.yaml': `${mark}${toYaml(definitions)}`,
    [`${folder}/kustomization.yaml`]: `${mark}${toYaml(kustomization)}`,
    [`${folder}/image-fields.yaml`]: `${mark}${toYaml(imageFields)}`,
    ...Object.fromEntries(files),
    ...Object.assign({}, ...axesOf(install).map((axis) => componentFiles(install, base, axis))),
  };
}

/** What one option changes, as a component for an overlay. */
function componentFiles(install, base, { name, change }) {
  const folder = `deploy/kustomize/${name}`;
  const other = objectsOf(install, { ...install.defaultInstall, ...change });
  const { added, patches } = componentOf(base, other, install.pathOf);
  const kustomization = {
    ...{ apiVersion: 'kustomize.config.k8s.io/v1alpha1', kind: 'Component' },
    ...(added.length > 0 && { resources: ['objects.yaml'] }),
    ...(patches.length > 0 && {
      patches: patches.map(({ target, operations }) => ({ target, patch: toYaml(operations) })),
    }),
  };
  return {
    [`${folder}/kustomization.yaml`]: `${mark}${toYaml(kustomization)}`,
    ...(added.length > 0 && {
      [`${folder}/objects.yaml`]: `${mark}${added.map(toYaml).join('---\n')}`,
    }),
  };
}
