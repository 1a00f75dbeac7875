/** The steps of a rotation as moves of the slots in the store: each is made whole, and only on the picture it was decided on. */
import { fail, ok, type Clock, type Result } from '../lib/index.js';
import type { Lifetimes } from './authority-options.js';
import type { Authority } from './authority.js';
import { publishedRecord, rootsOf, spellPublished, type OpenSlots } from './open-slots.js';
import { phaseOf } from './rotation-gate.js';
import {
  rotationRecord,
  spellRotation,
  type RotationRecord,
  type SlotRoots,
} from './rotation-record.js';
import { makeSlotFiles, randomLabel, readSlot, type Slot } from './slot.js';
import type { Arrangement, CaStore, SlotFiles } from './store.js';

/** How a rotation goes. */
export type RotationMode = RotationRecord['mode'];

/** What has been done. */
export interface RotationStep {
  readonly kind: 'started' | 'forced' | 'signing' | 'retired' | 'aborted' | 'turned-back';
  readonly roots: SlotRoots;
}

/** What the moves are made with. */
export interface MovesOptions {
  readonly authority: Pick<Authority, 'trustDomain' | 'slots' | 'reload'>;
  readonly store: CaStore;
  readonly clock: Clock;
  readonly lifetimes: Lifetimes;
  readonly randomBytes: (count: number) => Uint8Array;
}

/** The step that was taken, or why none was. */
export type MoveOutcome = Result<RotationStep, string>;

/** The moves; each reads the store again when it is done. */
export interface Moves {
  /** Adds the next root: one of our own making, or what an operator has brought. */
  readonly start: (
    slots: OpenSlots,
    mode: RotationMode,
    brought: SlotFiles | undefined,
  ) => Promise<MoveOutcome>;
  /** From here on nobody is waited for. */
  readonly force: (slots: OpenSlots) => Promise<MoveOutcome>;
  /** Drops the next root, or lets the former one sign again. */
  readonly abort: (slots: OpenSlots) => Promise<MoveOutcome>;
  /** Next becomes active, or the retired one goes. */
  readonly advance: (slots: OpenSlots) => Promise<MoveOutcome>;
  /** Begins to count the time of a phase of which nothing is known. */
  readonly count: (slots: OpenSlots) => Promise<void>;
}

const nothing: ReadonlyMap<string, string> = new Map();

interface Change {
  readonly kind: RotationStep['kind'];
  readonly roots: SlotRoots;
  readonly arrangement: Arrangement;
  readonly mode: RotationMode;
  readonly records?: ReadonlyMap<string, string>;
}

function canSign(slot: Slot, nowMs: number): boolean {
  const hasIssuer = slot.workload !== undefined && nowMs < slot.workload.notAfterMs;
  return nowMs < slot.rootNotAfterMs && (hasIssuer || slot.rootKey !== undefined);
}

function unmoved({ next, retired }: Pick<OpenSlots, 'next' | 'retired'>): Arrangement {
  return {
    active: 'active',
    ...(next !== undefined && { next: 'next' as const }),
    ...(retired !== undefined && { retired: 'retired' as const }),
  };
}

/** What aborting comes to. */
function backwards(slots: OpenSlots, nowMs: number): Result<Change, string> {
  const { active, retired } = slots;
  switch (phaseOf(rootsOf(slots))) {
    case 'none':
      return fail('no rotation is under way');
    case 'publishing':
      return ok({
        ...{ kind: 'aborted', mode: 'staged' },
        ...{ roots: { active: active.fingerprint }, arrangement: { active: 'active' } },
      });
    case 'draining':
      if (retired === undefined || !canSign(retired, nowMs)) {
        return fail('the former root cannot sign any more: this rotation can only go on');
      }
      return ok({
        ...{ kind: 'turned-back', mode: 'staged' },
        roots: { active: retired.fingerprint, retired: active.fingerprint },
        arrangement: { active: 'retired', retired: 'active' },
      });
  }
}

/** What the next step comes to; none while there is no rotation. */
function forwards(slots: OpenSlots): Result<Change, string> {
  const { active, next, rotation } = slots;
  const mode = rotation?.mode ?? 'staged';
  if (slots.retired !== undefined) {
    const left = { active, next, retired: undefined };
    return ok({ kind: 'retired', mode, roots: rootsOf(left), arrangement: unmoved(left) });
  }
  if (next === undefined) return fail('no rotation is under way');
  return ok({
    ...{ kind: 'signing', mode },
    roots: { active: next.fingerprint, retired: active.fingerprint },
    arrangement: { active: 'next', retired: 'active' },
  });
}

/** The moves in a store. */
export function createMoves(options: MovesOptions): Moves {
  const { store, authority, clock, lifetimes, randomBytes } = options;
  const { trustDomain } = authority;

  const make = async (slots: OpenSlots, change: Change): Promise<MoveOutcome> => {
    const { kind, roots, arrangement, mode, records = nothing } = change;
    const nowMs = clock.now();
    const startedAtMs = kind === 'started' ? nowMs : (slots.rotation?.startedAtMs ?? nowMs);
    // To be forced is no new phase.
    const sinceMs = kind === 'forced' ? (slots.rotation?.sinceMs ?? nowMs) : nowMs;
    const move = randomLabel(randomBytes);
    const former = kind === 'started' ? undefined : slots.rotation?.former;
    const record = spellRotation({
      ...{ roots, move, startedAtMs, sinceMs, mode },
      former: former ?? (slots.retired ?? slots.active).fingerprint,
    });
    const written = new Map([...records, [rotationRecord, record]]);
    const isMoved = await store.rearrange(slots.revision, arrangement, written);
    await authority.reload();
    return isMoved
      ? ok({ kind, roots })
      : fail('somebody else has changed the CA at the same moment: try again');
  };

  return {
    start: async (slots, mode, brought) => {
      const phase = phaseOf(rootsOf(slots));
      if (phase !== 'none') {
        return fail(`a rotation is under way (${phase}): see skerry ca status, or abort it first`);
      }
      if (brought === undefined && slots.active.rootKey === undefined) {
        return fail(
          'the key of the root is kept elsewhere, so that the next root is to be made there: by skerry ca init --offline, then skerry ca csr, sign and import, as the first one',
        );
      }
      const nowMs = clock.now();
      const files =
        brought ?? (await makeSlotFiles({ ...lifetimes, trustDomain, nowMs, randomBytes }));
      const { fingerprint } = readSlot('next', files, trustDomain);
      const published = spellPublished(trustDomain, slots.published, fingerprint);
      return make(slots, {
        ...{ kind: 'started', mode, arrangement: { active: 'active', next: files } },
        roots: { active: slots.active.fingerprint, next: fingerprint },
        records: new Map([[publishedRecord, published]]),
      });
    },
    force: (slots) =>
      make(slots, {
        ...{ kind: 'forced', mode: 'forced' },
        ...{ roots: rootsOf(slots), arrangement: unmoved(slots) },
      }),
    abort: async (slots) => {
      const change = backwards(slots, clock.now());
      return change.ok ? make(slots, change.value) : change;
    },
    advance: async (slots) => {
      const change = forwards(slots);
      return change.ok ? make(slots, change.value) : change;
    },
    count: async (slots) => {
      const roots = rootsOf(slots);
      const change = { roots, arrangement: unmoved(slots), mode: 'staged' } as const;
      await make(slots, { kind: 'started', ...change });
    },
  };
}
