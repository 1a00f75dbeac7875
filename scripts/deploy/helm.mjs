// Writes the Helm chart: templates that render what the command line installs for the same options.
import { axesOf, fileOf, groupByFile, mark, toYaml } from './files.mjs';
import { valuesSchema, valuesText } from './helm-values.mjs';
import { templateText, textHole } from './template-text.mjs';
import { absent, holeOf, isChoice, isHole, overlay } from './variants.mjs';

/** Every object with every combination of the axes' options, laid over each other; places for the rest. */
function templateTrees({ installObjects, pathOf, ...install }) {
  const { defaultInstall } = install;
  const options = {
    ...defaultInstall,
    registry: textHole('.Values.registry'),
    imageTag: textHole('.Values.tag'),
    envoyTag: textHole('.Values.envoyTag'),
    trustDomain: textHole('.Values.trustDomain'),
    meshCidrs: [textHole('join "," .Values.meshCidrs')],
    accessLog: textHole('.Values.accessLog'),
    cniBinDir: textHole('.Values.cni.binDir'),
    cniConfDir: textHole('.Values.cni.confDir'),
    replicas: holeOf(
      `.Values.replicas | default (ternary ${install.highlyAvailableReplicas} ${defaultInstall.replicas} .Values.ha)`,
    ),
    resources: holeOf('toYaml .Values.resources', { isBlock: true }),
  };
  const laid = (rest, chosen) => {
    const [axis, ...others] = rest;
    if (axis === undefined) {
      return new Map(installObjects(chosen).map((object) => [pathOf(object), clean(object)]));
    }
    const yes = laid(others, { ...chosen, ...axis.change, replicas: chosen.replicas });
    const no = laid(others, chosen);
    const at = (forms, key) => forms.get(key) ?? absent;
    const keys = new Set([...no.keys(), ...yes.keys()]);
    return new Map(
      [...keys].map((key) => [key, overlay(axis.condition, at(yes, key), at(no, key))]),
    );
  };
  return [...laid(axesOf(install), options).values()];
}

/** Without what is undefined; holes stay. */
function clean(value) {
  if (isHole(value) || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(clean);
  const entries = Object.entries(value).filter(([, one]) => one !== undefined);
  return Object.fromEntries(entries.map(([key, one]) => [key, clean(one)]));
}

/** Where an object stands under a choice, its form tells what it is. */
const formOf = (tree) =>
  isChoice(tree) ? formOf(tree.whenTrue === absent ? tree.whenFalse : tree.whenTrue) : tree;

/** Objects that not every installation by Helm has. */
const conditions = {
  Namespace: '.Values.createNamespace',
  // GA in Kubernetes 1.30; without them unknown fields are reported, not refused.
  ValidatingAdmissionPolicy: 'semverCompare ">=1.30-0" .Capabilities.KubeVersion.Version',
  ValidatingAdmissionPolicyBinding: 'semverCompare ">=1.30-0" .Capabilities.KubeVersion.Version',
};

/** Helm would take all policies away with the definition when the release is uninstalled. */
function keepDefinition(object) {
  if (object.kind !== 'CustomResourceDefinition') return object;
  const annotations = { ...object.metadata.annotations, 'helm.sh/resource-policy': 'keep' };
  return { ...object, metadata: { ...object.metadata, annotations } };
}

function chartTemplate(tree) {
  const condition = conditions[formOf(tree).kind];
  const text = templateText(keepDefinition(tree));
  return condition === undefined ? text : `{{- if ${condition} }}\n${text}{{- end }}\n`;
}

const chart = ({ releaseVersion }) => ({
  apiVersion: 'v2',
  name: 'skerry',
  description:
    'A service mesh control plane that drives stock Envoy sidecars in clusters that stand alone',
  type: 'application',
  version: releaseVersion,
  appVersion: releaseVersion,
  kubeVersion: '>=1.29.0-0',
});

const notes = `Skerry {{ .Values.tag }} runs in namespace skerry-system.

Enrol a namespace:  kubectl label namespace NAME skerry.dev/inject=enabled
Then restart its workloads, and look:  skerry check
`;

/** The chart's files by path. */
export function helmFiles(install) {
  const folder = 'deploy/helm/skerry';
  const files = groupByFile(templateTrees(install), (tree) => fileOf(formOf(tree)));
  const templates = [...files].map(([name, trees]) => [
    `${folder}/templates/${name}.yaml`,
    `${mark}${trees.map(chartTemplate).join('')}`,
  ]);
  return {
    [`${folder}/Chart.yaml`]: `${mark}${toYaml(chart(install))}`,
    [`${folder}/values.yaml`]: valuesText(install),
    [`${folder}/values.schema.json`]: `${JSON.stringify(valuesSchema(install), null, 2)}\n`,
    [`${folder}/templates/NOTES.txt`]: notes,
    ...Object.fromEntries(templates),
  };
}
