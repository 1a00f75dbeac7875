/** Keeps the certificate in the webhook's configuration by which the API server knows the webhook. Mutable state. */
import { z } from 'zod';
import type { Clock, Logger } from '../../lib/index.js';
import { createReflector, KubernetesApiError, type KubernetesClient } from '../../sources/index.js';
import { webhookConfigurationName } from '../../webhook/index.js';
import { createRepairs, type RepairOutcome } from './repairs.js';

/** What the keeper needs. */
export interface WebhookTrustOptions {
  readonly client: KubernetesClient;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The roots by which the webhook's certificate is checked, PEM. */
  readonly bundle: () => string;
  /** Whether this replica leads, asked right before each write. */
  readonly mayWrite: () => boolean;
  /** Numbers in [0, 1). */
  readonly random?: () => number;
}

/** The keeper. */
export interface WebhookTrust {
  /** Begins to look, in the background: where there is no such configuration, nothing is injected. */
  start(): void;
  /** Looks again: call it when this replica begins to lead, or the bundle has changed. */
  reconcile(): void;
  /** Whether the API server knows the webhook by the bundle as it is now; true where there is no webhook. */
  isRight(): boolean;
  stop(): Promise<void>;
}

const configurationSchema = z.object({
  webhooks: z
    .array(
      z.object({
        name: z.string(),
        clientConfig: z.object({ caBundle: z.string().nullish() }),
      }),
    )
    .nullish(),
});

type Configuration = z.infer<typeof configurationSchema>;

const collection = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
const name = webhookConfigurationName;
/** Whatever events have been lost is found within this. */
const resyncMs = 30_000;

/** The JSON patch (RFC 6902) that mends what is wrong; each step holds only for the webhook it was made for. */
function patchFor(configuration: Configuration, caBundle: string): readonly unknown[] {
  return (configuration.webhooks ?? []).flatMap((webhook, index) => {
    if (webhook.clientConfig.caBundle === caBundle) return [];
    const path = `/webhooks/${String(index)}`;
    return [
      { op: 'test', path: `${path}/name`, value: webhook.name },
      { op: 'add', path: `${path}/clientConfig/caBundle`, value: caBundle },
    ];
  });
}

/** A keeper that has not looked yet. */
export function createWebhookTrust(options: WebhookTrustOptions): WebhookTrust {
  const { client, clock, logger, mayWrite } = options;
  const random = options.random ?? Math.random;
  let present: Configuration | undefined;
  let cancelResync = (): void => undefined;
  let starting = Promise.resolve();

  const patchNow = (): readonly unknown[] =>
    present === undefined
      ? []
      : patchFor(present, Buffer.from(options.bundle()).toString('base64'));
  const repair = async (): Promise<RepairOutcome> => {
    const patch = patchNow();
    if (patch.length === 0) return 'right';
    try {
      const request = { method: 'PATCH', path: `${collection}/${name}`, body: patch } as const;
      const answer = await client.send({ ...request, contentType: 'application/json-patch+json' });
      // Before the watch says so, so that nothing is written twice.
      present = configurationSchema.parse(answer);
    } catch (error) {
      // It is gone, or another shape by now: the watch tells.
      const isPassed = error instanceof KubernetesApiError && [404, 422].includes(error.status);
      if (!isPassed) throw error;
    }
    logger.info('the certificate by which the API server knows the webhook was published');
    return 'written';
  };
  const repairs = createRepairs({
    ...{ clock, random, mayWrite, repair },
    onFailure: (_key, error) => {
      logger.warn('the certificate of the webhook could not be published', { error });
    },
  });
  const reconcile = (): void => {
    repairs.request(name);
  };
  const reflector = createReflector<Configuration>({
    ...{ client, clock, random, path: collection },
    query: { fieldSelector: `metadata.name=${name}` },
    read: (object) => configurationSchema.parse(object),
    onChange: (changes) => {
      for (const { value } of changes) present = value;
      reconcile();
    },
    onProblem: (problem) => {
      logger.warn('the configuration of the webhook cannot be watched', { problem });
    },
  });
  const scheduleResync = (): void => {
    cancelResync = clock.after(resyncMs, () => {
      reconcile();
      scheduleResync();
    });
  };

  return {
    start(): void {
      scheduleResync();
      // It ends by being stopped, which is no failure.
      starting = reflector.start().catch(() => undefined);
    },
    reconcile,
    isRight: () => patchNow().length === 0,
    async stop(): Promise<void> {
      cancelResync();
      await reflector.stop();
      await starting;
      await repairs.stop();
    },
  };
}
