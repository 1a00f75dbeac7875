/** The admission webhook as the control plane serves it, with a certificate from its own authority. */
import type { Authority } from '../../ca/index.js';
import type { ControllerOptions, KubernetesPlatformOptions } from '../../cli/index.js';
import type { Logger } from '../../lib/index.js';
import type { Metrics } from '../../telemetry/index.js';
import {
  createWebhookServer,
  defaultSettings,
  type InjectionSettings,
  type WebhookServer,
} from '../../webhook/index.js';
import { parseListen } from '../listen-address.js';

/** What the injector needs. */
export interface InjectorOptions {
  readonly own: KubernetesPlatformOptions;
  readonly options: ControllerOptions;
  readonly authority: Authority;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** The injector. */
export interface Injector {
  /** Serves; where no address was given it does nothing. */
  start(): Promise<void>;
  /** Ends after the reviews under way. */
  stop(): Promise<void>;
}

const adsPort = 15_010;

/** The host by which pods of the cluster reach the control plane, which is in its certificate too. */
function serviceHost(options: ControllerOptions): string {
  return options.serverNames[0] ?? `skerry.${options.rootNamespace}.svc`;
}

/** What injected pods get. */
export function injectionSettings(
  own: KubernetesPlatformOptions,
  options: ControllerOptions,
): InjectionSettings {
  const host = serviceHost(options);
  return {
    ...defaultSettings,
    ...(own.skerryImage !== undefined && { skerryImage: own.skerryImage }),
    ...(own.envoyImage !== undefined && { envoyImage: own.envoyImage }),
    controlPlane: `${host}:${String(adsPort)}`,
    serverName: host,
    rootNamespace: options.rootNamespace,
    redirection: own.redirection,
  };
}

/** An injector at rest. */
export function createInjector({
  own,
  options,
  authority,
  metrics,
  logger,
}: InjectorOptions): Injector {
  const { webhookListen } = own;
  let server: WebhookServer | undefined;
  let endRenewal = (): void => undefined;
  return {
    async start(): Promise<void> {
      if (webhookListen === undefined) return;
      const address = parseListen('--webhook-listen', webhookListen);
      const settings = injectionSettings(own, options);
      endRenewal = await authority.keepServerCertificate(options.serverNames, (renewed) => {
        const certificate = { chain: renewed.chainPem, key: renewed.keyPem };
        if (server !== undefined) {
          server.renew(certificate);
          return;
        }
        server = createWebhookServer({
          ...{ ...address, certificate, settings, logger },
          onReview: (outcome) => {
            metrics.reviews.inc({ outcome });
          },
        });
      });
      const port = await server?.start();
      logger.info('serving admission reviews', { host: address.host, port });
    },
    async stop(): Promise<void> {
      endRenewal();
      await server?.stop();
    },
  };
}
