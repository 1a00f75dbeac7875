/** `outbound` as the model has it: durations in milliseconds. */
import type { OutboundSetting, TimeoutsSetting } from '../../../model/index.js';
import type { OutboundEntry } from './outbound-schema.js';
import { toOutboundRetrySetting } from './retries.js';
import { durationMs } from './texts.js';

/** The settings; undefined when the section gives none. */
export function toOutboundSetting(entry: OutboundEntry): OutboundSetting | undefined {
  const { timeouts, retries } = entry;
  const setting = {
    ...(timeouts === undefined ? {} : { timeouts: toTimeouts(timeouts) }),
    ...(retries === undefined ? {} : { retries: toOutboundRetrySetting(retries) }),
  };
  return Object.keys(setting).length === 0 ? undefined : setting;
}

function toTimeouts(entry: NonNullable<OutboundEntry['timeouts']>): TimeoutsSetting {
  const { connect, request, idle } = entry;
  return {
    ...(connect === undefined ? {} : { connectMs: durationMs(connect) }),
    ...(request === undefined ? {} : { requestMs: durationMs(request) }),
    ...(idle === undefined ? {} : { idleMs: durationMs(idle) }),
  };
}
