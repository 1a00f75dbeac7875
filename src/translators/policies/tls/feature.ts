/** `outbound.tls`: what the connections to endpoints are. */
import type { ClusterTlsIr, PlacementIr, SettingIr } from '../../../ir/index.js';
import type { OutboundSetting, TlsMode } from '../../../model/index.js';
import { describe, settle, type Leaf, type Speaker } from '../../to-ir/settings.js';

const mode: Leaf<OutboundSetting, TlsMode> = {
  field: 'spec.outbound.tls.mode',
  get: ({ tls }) => tls?.mode,
};

/** What a cluster holds. */
export interface ClusterTls {
  readonly tls: ClusterTlsIr;
  readonly settings: readonly SettingIr[];
}

const says: Readonly<Record<TlsMode, string>> = {
  Auto: 'TLS Auto: mutual TLS to endpoints in the mesh, plaintext to others',
  Mesh: 'TLS Mesh: mutual TLS of the mesh, and endpoints outside it are left out',
  None: 'TLS None: plaintext, to endpoints in the mesh too',
};

function toCluster(speakers: readonly Speaker<OutboundSetting>[]): ClusterTls {
  const decided = settle(speakers, mode);
  return {
    tls: {
      inMesh: decided?.value === 'None' ? 'plaintext' : 'mtls',
      outside: decided?.value === 'Mesh' ? 'refused' : 'plaintext',
      origins: decided === undefined ? [] : [decided.origin],
    },
    settings: describe(decided, (value) => says[value]),
  };
}

/** Which endpoints a cluster has. */
function toPlacement(
  speakers: readonly Speaker<OutboundSetting>[],
): Pick<PlacementIr, 'isMeshOnly' | 'origins'> {
  const decided = settle(speakers, mode);
  return decided?.value === 'Mesh'
    ? { isMeshOnly: true, origins: [decided.origin] }
    : { isMeshOnly: false, origins: [] };
}

/** The feature. */
export const tlsFeature: {
  readonly leaves: readonly Leaf<OutboundSetting, unknown>[];
  readonly toCluster: typeof toCluster;
  readonly toPlacement: typeof toPlacement;
} = Object.freeze({ leaves: [mode], toCluster, toPlacement });
