/** The schema of `outbound`. */
import { z } from 'zod';
import { strict } from './check.js';
import { outboundRetriesSchema } from './retries.js';
import { serviceSchema } from './service-schema.js';
import {
  cidr,
  dnsName,
  duration,
  egressHost,
  headerName,
  idleDuration,
  keepaliveDuration,
  objectName,
  portNumber,
  positiveDuration,
  queryName,
} from './texts.js';

const maxCount = 4_294_967_295;
const count = z.int().min(0).max(maxCount);
/** A limit of none would refuse every call. */
const limit = z.int().min(1).max(maxCount);
const percent = z.int().min(0).max(100);

const timeouts = strict({
  connect: positiveDuration.optional(),
  request: duration.optional(),
  idle: idleDuration.optional(),
});

const loadBalancing = strict({
  algorithm: z.enum(['LeastRequest', 'RoundRobin', 'Random', 'RingHash', 'Maglev']).optional(),
  hashOn: strict({
    header: headerName.optional(),
    cookie: strict({ name: headerName, ttl: duration.optional() }).optional(),
    sourceIP: z.literal(true).optional(),
    queryParam: queryName.optional(),
  })
    .superRefine((entry, context) => {
      if (Object.values(entry).filter((value) => value !== undefined).length === 1) return;
      const message = 'expected exactly one of header, cookie, sourceIP, queryParam';
      context.addIssue({ code: 'custom', message });
    })
    .optional(),
  slowStart: duration.optional(),
  locality: z.enum(['None', 'PreferZone', 'Strict']).optional(),
  failover: z.array(serviceSchema).max(16).optional(),
});

const connections = strict({
  max: limit.optional(),
  maxPending: limit.optional(),
  maxRequests: limit.optional(),
  maxRequestsPerConnection: count.optional(),
  tcpKeepalive: keepaliveDuration.optional(),
});

const outlierDetection = strict({
  consecutive5xx: count.optional(),
  consecutiveGatewayErrors: count.optional(),
  successRate: strict({
    minimumHosts: limit.optional(),
    requestVolume: limit.optional(),
    stdevFactor: z.number().min(0).max(100).optional(),
  }).optional(),
  interval: positiveDuration.optional(),
  baseEjection: positiveDuration.optional(),
  maxEjectedPercent: percent.optional(),
});

const originating = ['sni', 'caBundle', 'credential'];

const tls = strict({
  mode: z.enum(['Auto', 'Mesh', 'Simple', 'Mutual', 'None']).optional(),
  sni: dnsName.optional(),
  caBundle: strict({ configMap: objectName }).optional(),
  credential: strict({ secret: objectName }).optional(),
}).superRefine((entry, context) => {
  const { mode } = entry;
  // Another policy may have set the mode.
  if (mode === undefined) return;
  const meant = mode === 'Mutual' ? [] : mode === 'Simple' ? ['credential'] : originating;
  for (const field of meant.filter((name) => Object.hasOwn(entry, name))) {
    const modes = field === 'credential' ? 'Mutual' : 'Simple and Mutual';
    const message = `${field} has a meaning with mode ${modes} only, found mode ${mode}`;
    context.addIssue({ code: 'custom', path: [field], message });
  }
});

const egressAllow = strict({
  host: egressHost.optional(),
  cidr: cidr.optional(),
  ports: z.array(portNumber).min(1).max(256).optional(),
}).superRefine(({ host, cidr: block }, context) => {
  if ((host === undefined) !== (block === undefined)) return;
  context.addIssue({ code: 'custom', message: 'expected exactly one of host, cidr' });
});

const egress = strict({
  mode: z.enum(['AllowAny', 'KnownOnly']).optional(),
  allow: z.array(egressAllow).max(256).optional(),
}).superRefine(({ mode, allow }, context) => {
  if (mode !== 'AllowAny' || allow === undefined) return;
  const message = 'allow has a meaning with mode KnownOnly only: AllowAny lets every call pass';
  context.addIssue({ code: 'custom', path: ['allow'], message });
});

/** `outbound`. */
export const outboundSchema = strict({
  timeouts: timeouts.optional(),
  retries: outboundRetriesSchema.optional(),
  loadBalancing: loadBalancing.optional(),
  connections: connections.optional(),
  outlierDetection: outlierDetection.optional(),
  tls: tls.optional(),
  egress: egress.optional(),
});

/** `outbound`, its fields checked. */
export type OutboundEntry = z.infer<typeof outboundSchema>;
