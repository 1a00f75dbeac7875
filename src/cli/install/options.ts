/** What an installation can be told, and what holds where nobody says otherwise. */
import { isIP } from 'node:net';
import type { ControllerOptions } from '../controller-options.js';

/** The release that this command line installs; the controller's image carries it as its tag. */
export const releaseVersion = '0.1.0';
/** The Envoy that the release is tested with. */
export const envoyVersion = '1.40.0';
/** Where the control plane lives; sidecars and injected pods know it by this name. */
export const systemNamespace = 'skerry-system';

/** What one container may use, as Kubernetes writes it. */
export interface Resources {
  readonly requests: Readonly<Record<string, string>>;
  readonly limits: Readonly<Record<string, string>>;
}

/** Everything that the objects of an installation are made from. */
export interface InstallOptions {
  /** Prefix of every image, injected ones too. */
  readonly registry: string;
  /** Tag of Skerry's own image. */
  readonly imageTag: string;
  readonly envoyTag: string;
  readonly replicas: number;
  /** Never two replicas on one node while another node has none. */
  readonly isHighlyAvailable: boolean;
  readonly redirection: 'init' | 'cni';
  /** Where CNI plugins and their configuration lie on nodes; matters where `redirection` is `cni`. */
  readonly cniBinDir: string;
  readonly cniConfDir: string;
  readonly trustDomain: string;
  /** CIDRs of Services and pods; empty: any address may be the mesh's. */
  readonly meshCidrs: readonly string[];
  readonly accessLog: ControllerOptions['accessLog'];
  readonly resources: Resources;
}

/** What holds where nobody says otherwise. */
export const defaultInstall: InstallOptions = {
  registry: 'registry.local/skerry',
  imageTag: releaseVersion,
  envoyTag: envoyVersion,
  replicas: 2,
  isHighlyAvailable: false,
  redirection: 'init',
  cniBinDir: '/opt/cni/bin',
  cniConfDir: '/etc/cni/net.d',
  trustDomain: 'cluster.local',
  meshCidrs: [],
  accessLog: 'Errors',
  resources: { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '1Gi' } },
};

/** Replicas of a highly available control plane unless told otherwise: one may fail while another is replaced. */
export const highlyAvailableReplicas = 3;

/** How texts must look; without lookaheads, which the schema of the Helm chart could not say. */
export const optionPatterns = {
  registry: /^[a-z0-9][a-z0-9.-]*(?::\d+)?(?:\/[a-z0-9][a-z0-9._-]*)*$/,
  tag: /^\w[\w.-]{0,127}$/,
  folder: /^(?:\/[\w.-]+)+$/,
  trustDomain: /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/,
} as const;

/** Letters of the longest trust domain: https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md */
export const maxTrustDomainLength = 253;

/** More replicas than this are a slip of the keyboard. */
export const maxReplicas = 100;

function isCidr(text: string): boolean {
  const [address = '', bits = '', ...rest] = text.split('/');
  const version = isIP(address);
  const isNumber = /^\d{1,3}$/.test(bits);
  return (
    rest.length === 0 && version !== 0 && isNumber && Number(bits) <= (version === 4 ? 32 : 128)
  );
}

function folderProblem(flag: string, folder: string, example: string): readonly string[] {
  if (optionPatterns.folder.test(folder)) return [];
  return [`expected ${flag} such as ${example}, found ${folder}`];
}

/** What is wrong with options, one line each; empty when nothing is. */
export function checkInstallOptions(options: InstallOptions): readonly string[] {
  const { registry, imageTag, replicas, isHighlyAvailable, trustDomain } = options;
  const badCidrs = options.meshCidrs.filter((cidr) => !isCidr(cidr));
  const isDomain =
    optionPatterns.trustDomain.test(trustDomain) && trustDomain.length <= maxTrustDomainLength;
  return [
    ...(optionPatterns.registry.test(registry)
      ? []
      : [`expected --registry such as registry.example.com/mesh, found ${registry}`]),
    ...(optionPatterns.tag.test(imageTag)
      ? []
      : [`expected --image-tag such as 0.1.0, found ${imageTag}`]),
    ...folderProblem('--cni-bin-dir', options.cniBinDir, defaultInstall.cniBinDir),
    ...folderProblem('--cni-conf-dir', options.cniConfDir, defaultInstall.cniConfDir),
    ...(isDomain ? [] : [`expected --trust-domain such as cluster.local, found ${trustDomain}`]),
    ...badCidrs.map((cidr) => `expected --mesh-cidr such as 10.0.0.0/8, found ${cidr}`),
    ...(isHighlyAvailable && replicas < 2
      ? [`expected 2 --replicas at least with --ha, found ${String(replicas)}`]
      : []),
  ];
}

/** What the control plane is told by environment variables of its container, by name. */
export function optionVariables(options: InstallOptions): Readonly<Record<string, string>> {
  const images = imagesOf(options);
  return {
    SKERRY_TRUST_DOMAIN: options.trustDomain,
    SKERRY_MESH_CIDR: options.meshCidrs.join(','),
    SKERRY_ACCESS_LOG: options.accessLog,
    SKERRY_REDIRECTION: options.redirection,
    SKERRY_SKERRY_IMAGE: images.skerry,
    SKERRY_ENVOY_IMAGE: images.envoy,
  };
}

/** The images of an installation. */
export function imagesOf(options: InstallOptions): {
  readonly skerry: string;
  readonly envoy: string;
} {
  const { registry, imageTag, envoyTag } = options;
  return { skerry: `${registry}/skerry:${imageTag}`, envoy: `${registry}/envoy:${envoyTag}` };
}
