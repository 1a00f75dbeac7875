/** The whole of a TrafficPolicy as one zod schema, put together from the parser's own, for the CRD and the reference page. */
import { z } from 'zod';
import { strict } from '../policy/check.js';
import { maxRules } from '../policy/inbound.js';
import {
  inboundConnectionsSchema,
  mtlsSchema,
  rateLimitSchema,
  ruleSchema,
  verdictSchema,
} from '../policy/inbound-schema.js';
import { jwtSchema } from '../policy/jwt.js';
import { outboundSchema } from '../policy/outbound-schema.js';
import { maxRoutes } from '../policy/routes.js';
import { routeSchema } from '../policy/routes-schema.js';
import { maxTargets, targetSchemas } from '../policy/target-refs.js';
import { telemetrySchema } from '../policy/telemetry-schema.js';
import { modeSchema } from '../traffic-policy.js';

const { Service, Namespace } = targetSchemas;

// A structural schema has no unions, so the kinds share one map; rules say which fields go with which.
const targetSchema = strict({
  kind: z.enum(['Service', 'Pod', 'Namespace', 'Mesh']),
  name: Service.shape.name.optional(),
  namespace: Service.shape.namespace,
  sectionName: Service.shape.sectionName,
  selector: Namespace.shape.selector,
});

const authorizationSchema = strict({
  default: verdictSchema.optional(),
  deny: z.array(ruleSchema).max(maxRules).optional(),
  allow: z.array(ruleSchema).max(maxRules).optional(),
});

/** `spec`: every field that the parser knows. */
export const specSchema = strict({
  targetRefs: z.array(targetSchema).min(1).max(maxTargets),
  mode: modeSchema.optional(),
  routes: z.array(routeSchema).max(maxRoutes).optional(),
  outbound: outboundSchema.optional(),
  inbound: strict({
    mtls: mtlsSchema.optional(),
    authorization: authorizationSchema.optional(),
    jwt: jwtSchema.optional(),
    rateLimit: rateLimitSchema.optional(),
    connections: inboundConnectionsSchema.optional(),
  }).optional(),
  telemetry: telemetrySchema.optional(),
});

const count = z.int().min(0);
const shortText = z.string().max(1024);

// Conditions as every Kubernetes API has them (meta/v1 Condition).
const condition = strict({
  type: z.string().min(1).max(316),
  status: z.enum(['True', 'False', 'Unknown']),
  reason: z.string().min(1).max(1024),
  message: z.string().max(32_768),
  lastTransitionTime: z.string().max(64),
  observedGeneration: count.optional(),
});

/** `status`: what the leader writes. */
export const statusSchema = strict({
  observedGeneration: count.optional(),
  target: shortText.optional(),
  mode: z.string().max(64).optional(),
  conditions: z.array(condition).max(16).optional(),
  proxies: strict({
    selected: count.optional(),
    live: count.optional(),
    rejected: count.optional(),
    offline: count.optional(),
    summary: z.string().max(64).optional(),
  }).optional(),
  slowest: shortText.optional(),
  firstRejection: strict({
    proxy: shortText.optional(),
    message: z.string().max(8192).optional(),
  }).optional(),
  wouldDeny: strict({
    count: count.optional(),
    callers: z
      .array(strict({ caller: shortText, count }))
      .max(5)
      .optional(),
  }).optional(),
});
