/** The schema of `telemetry`, which this version cannot carry out. */
import { z } from 'zod';
import { notYet, strict } from './check.js';
import { serviceSchema } from './service-schema.js';

const accessLog = strict({
  // Not `Off`: that is a boolean to the YAML 1.1 of kubectl.
  mode: z.enum(['None', 'Errors', 'All']).optional(),
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
