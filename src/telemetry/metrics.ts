/** Every metric of the control plane, defined once; labels are bounded by construction. */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/** The control plane's metrics. */
export interface Metrics {
  readonly turnSeconds: Histogram;
  readonly turnFailures: Counter;
  readonly resourcesChanged: Counter<'type'>;
  readonly nacks: Counter<'type'>;
  readonly refusedStreams: Counter<'reason'>;
  readonly certificatesIssued: Counter;
  readonly certificateSeconds: Histogram;
  readonly auditLost: Counter;
  readonly reviews: Counter<'outcome'>;
  readonly wouldDeny: Counter<'policy'>;
  /** Text in the Prometheus exposition format. */
  expose(): Promise<string>;
}

/** Numbers that are read when somebody scrapes, not when they change. */
export interface Gauges {
  readonly streams: () => number;
  /** Connected sidecars whose clocks are wrong. */
  readonly wrongClocks: () => number;
  readonly demandedNames: () => number;
  readonly diagnostics: () => number;
  readonly generation: () => number;
  /** How long ago each kind was last known to be current; empty where there is no API server. */
  readonly sourceAges: () => readonly { readonly kind: string; readonly ageMs: number }[];
  /** Whether this replica acts for all. */
  readonly isLeader: () => boolean;
  /** When the certificates of the authority that sign now end, in milliseconds since the Unix epoch. */
  readonly caEnds: () => readonly { readonly certificate: string; readonly notAfterMs: number }[];
}

/** Creates the metrics in a registry of their own. */
export function createMetrics(gauges: Gauges): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const gauge = (name: string, help: string, value: () => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect(): void {
        this.set(value());
      },
    });
  };
  gauge('skerry_streams', 'ADS streams that are open', gauges.streams);
  gauge(
    'skerry_wrong_clocks',
    'connected sidecars whose clock and ours differ by more than a minute',
    gauges.wrongClocks,
  );
  gauge(
    'skerry_demanded_names',
    'cluster names that sidecars have asked for',
    gauges.demandedNames,
  );
  gauge('skerry_diagnostics', 'findings about the objects that are held', gauges.diagnostics);
  gauge('skerry_generation', 'turns of the graph since the start', gauges.generation);
  gauge('skerry_leader', '1 while this replica acts for all', () => Number(gauges.isLeader()));
  new Gauge({
    name: 'skerry_source_age_seconds',
    help: 'how long ago the copy of a kind was last known to be current; grows while the API server is away',
    labelNames: ['kind'] as const,
    registers,
    collect(): void {
      for (const { kind, ageMs } of gauges.sourceAges()) this.set({ kind }, ageMs / 1000);
    },
  });
  new Gauge({
    name: 'skerry_ca_not_after_seconds',
    help: 'when a certificate of the authority that signs now ends, in seconds since the Unix epoch',
    labelNames: ['certificate'] as const,
    registers,
    collect(): void {
      for (const { certificate, notAfterMs } of gauges.caEnds()) {
        this.set({ certificate }, notAfterMs / 1000);
      }
    },
  });
  return {
    turnSeconds: new Histogram({
      name: 'skerry_turn_seconds',
      help: 'duration of one turn of the graph',
      buckets: [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
      registers,
    }),
    turnFailures: new Counter({
      name: 'skerry_turn_failures_total',
      help: 'rows whose computation threw: always a bug',
      registers,
    }),
    resourcesChanged: new Counter({
      name: 'skerry_resources_changed_total',
      help: 'encoded resources that a turn changed',
      labelNames: ['type'] as const,
      registers,
    }),
    nacks: new Counter({
      name: 'skerry_nacks_total',
      help: 'responses that a sidecar refused',
      labelNames: ['type'] as const,
      registers,
    }),
    refusedStreams: new Counter({
      name: 'skerry_refused_streams_total',
      help: 'streams refused before they were served',
      labelNames: ['reason'] as const,
      registers,
    }),
    certificatesIssued: new Counter({
      name: 'skerry_certificates_issued_total',
      help: 'workload certificates signed',
      registers,
    }),
    certificateSeconds: new Histogram({
      name: 'skerry_certificate_seconds',
      help: 'from a certificate request of a workload to its certificate, or to the one it has already',
      buckets: [
        ...[0.0002, 0.0003, 0.0004, 0.0005, 0.0006, 0.0008, 0.001, 0.0015, 0.002, 0.003],
        ...[0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1],
      ],
      registers,
    }),
    auditLost: new Counter({
      name: 'skerry_audit_lost_total',
      help: 'entries of the audit log that could not be written to its file',
      registers,
    }),
    reviews: new Counter({
      name: 'skerry_reviews_total',
      help: 'admission reviews answered',
      labelNames: ['outcome'] as const,
      registers,
    }),
    wouldDeny: new Counter({
      name: 'skerry_would_deny_total',
      help: 'calls that a policy in mode Audit would have refused, as sidecars of this replica report',
      labelNames: ['policy'] as const,
      registers,
    }),
    expose: () => registry.metrics(),
  };
}
