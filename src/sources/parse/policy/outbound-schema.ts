/** The schema of `outbound`. */
import { z } from 'zod';
import { notYet, strict } from './check.js';
import { outboundRetriesSchema } from './retries.js';
import { serviceSchema } from './service-schema.js';
import {
  cidr,
  duration,
  headerName,
  hostname,
  idleDuration,
  objectName,
  plainText,
  portNumber,
  positiveDuration,
  queryName,
} from './texts.js';

const count = z.int().min(0).max(4_294_967_295);
const percent = z.number().min(0).max(100);

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
    sourceIP: z.boolean().optional(),
    queryParam: queryName.optional(),
  }).optional(),
  slowStart: duration.optional(),
  locality: z.enum(['None', 'PreferZone', 'Strict']).optional(),
  failover: z.array(serviceSchema).max(16).optional(),
});

const connections = strict({
  max: count.optional(),
  maxPending: count.optional(),
  maxRequests: count.optional(),
  maxRequestsPerConnection: count.optional(),
  tcpKeepalive: duration.optional(),
});

const outlierDetection = strict({
  consecutive5xx: count.optional(),
  consecutiveGatewayErrors: count.optional(),
  successRate: z.record(z.string(), z.number()).optional(),
  interval: positiveDuration.optional(),
  baseEjection: positiveDuration.optional(),
  maxEjectedPercent: percent.optional(),
});

const tls = strict({
  mode: z.enum(['Auto', 'Mesh', 'Simple', 'Mutual', 'None']).optional(),
  sni: hostname.optional(),
  caBundle: strict({ configMap: objectName }).optional(),
  credential: strict({ secret: objectName }).optional(),
});

const egressAllow = strict({
  host: plainText.optional(),
  cidr: cidr.optional(),
  ports: z.array(portNumber).max(256).optional(),
});

/** `outbound`. */
export const outboundSchema = strict({
  timeouts: timeouts.optional(),
  retries: outboundRetriesSchema.optional(),
  loadBalancing: notYet(loadBalancing).optional(),
  connections: notYet(connections).optional(),
  outlierDetection: notYet(outlierDetection).optional(),
  tls: notYet(tls).optional(),
  egress: strict({
    mode: z.enum(['AllowAny', 'KnownOnly']).optional(),
    allow: notYet(z.array(egressAllow).max(256)).optional(),
  }).optional(),
});

/** `outbound`, its fields checked. */
export type OutboundEntry = z.infer<typeof outboundSchema>;
