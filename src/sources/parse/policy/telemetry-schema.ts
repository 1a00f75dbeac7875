/** The schema of `telemetry`, which this version cannot carry out. */
import { z } from 'zod';
import { notYet, strict } from './check.js';
import { serviceSchema } from './service-schema.js';

const accessLog = strict({
  mode: z.enum(['Off', 'Errors', 'All']).optional(),
  format: z.enum(['JSON', 'Text']).optional(),
});

const tracing = strict({
  samplePercent: z.number().min(0).max(100).optional(),
  collector: serviceSchema.optional(),
});

/** `telemetry`. */
export const telemetrySchema = strict({
  accessLog: notYet(accessLog).optional(),
  tracing: notYet(tracing).optional(),
});
