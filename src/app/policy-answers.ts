/**
 * Who has accepted and who has refused one form of a policy, and what follows from it for all
 * sidecars (decision 0041). Pure.
 */

/** Who said something of a form, and of what it was a part. */
export interface Witness {
  /** `namespace/serviceAccount`, as the stream has proved; what a node says of itself counts nothing. */
  readonly identity: string;
  /** Short name of the type of the resource that was made from the form. */
  readonly type: string;
}

/** A form, in a resource of one type, that the sidecars of one identity refused. */
export interface FormRefusal extends Witness {
  /** Envoy's words. */
  readonly message: string;
}

/** What is known of one form; bounded, whoever speaks how often. */
export interface FormAnswers {
  /** By type of resource: identities that have accepted the form in one. */
  readonly accepted: Readonly<Record<string, readonly string[]>>;
  /** Of two identities at most, and of two namespaces where there are. */
  readonly refused: readonly FormRefusal[];
}

/**
 * What follows from the answers to a form.
 *
 * - `unrefused`: nobody refused it but in types of resources in which others have accepted it.
 * - `disputed`: an identity refuses it that others contradict; it stays in force elsewhere.
 * - `suspected`: refused, and nobody else has spoken yet: condemned when nobody does in time.
 * - `condemned`: refused by as many as decide for all.
 */
export type Standing = 'unrefused' | 'disputed' | 'suspected' | 'condemned';

/** Of a form of which nobody has said anything. */
export const noAnswers: FormAnswers = { accepted: {}, refused: [] };

/** One more than can refuse, so that of those kept one at least is none of them. */
const acceptingKept = 3;
const refusingKept = 2;
const maxMessage = 1_000;

function namespaceOf(identity: string): string {
  return identity.slice(0, identity.indexOf('/'));
}

/** Whether the form is proven in this type of resource. */
export function isProven({ accepted }: FormAnswers, type: string): boolean {
  return accepted[type] !== undefined;
}

/** With one acceptance more; the same object where that is no news. Hot: asked at every ACK. */
export function withAcceptance(answers: FormAnswers, { identity, type }: Witness): FormAnswers {
  const known = answers.accepted[type] ?? [];
  if (known.length >= acceptingKept || known.includes(identity)) return answers;
  return { ...answers, accepted: { ...answers.accepted, [type]: [...known, identity] } };
}

/** With one refusal more; the same object where that is no news, or the type is proven. */
export function withRefusal(answers: FormAnswers, refusal: FormRefusal): FormAnswers {
  if (isProven(answers, refusal.type)) return answers;
  const next = { ...refusal, message: refusal.message.slice(0, maxMessage) };
  const { refused } = answers;
  const isVoid = ({ type }: FormRefusal): boolean => isProven(answers, type);
  const instead = (former: FormRefusal): FormAnswers => ({
    ...answers,
    refused: refused.map((one) => (one === former ? next : one)),
  });
  const own = refused.find(({ identity }) => identity === next.identity);
  if (own !== undefined) return isVoid(own) ? instead(own) : answers;
  if (refused.length < refusingKept) return { ...answers, refused: [...refused, next] };
  const outdated = refused.find(isVoid);
  if (outdated !== undefined) return instead(outdated);
  const namespaces = new Set(refused.map(({ identity }) => namespaceOf(identity)));
  const last = refused.at(-1);
  const isNew = namespaces.size === 1 && !namespaces.has(namespaceOf(next.identity));
  return isNew && last !== undefined ? instead(last) : answers;
}

/** What two control planes know together. */
export function mergeAnswers(newer: FormAnswers, older: FormAnswers): FormAnswers {
  let merged = newer;
  for (const [type, identities] of Object.entries(older.accepted)) {
    for (const identity of identities) merged = withAcceptance(merged, { identity, type });
  }
  for (const refusal of older.refused) merged = withRefusal(merged, refusal);
  return merged;
}

/** Refusals that nobody's acceptance in the same type of resource has made void. */
export function standingRefusals(answers: FormAnswers): readonly FormRefusal[] {
  return answers.refused.filter(({ type }) => !isProven(answers, type));
}

/** Whether an identity that is none of those who refuse has accepted the form in some resource. */
export function isContradicted({ accepted, refused }: FormAnswers): boolean {
  return Object.values(accepted).some((identities) =>
    identities.some((one) => !refused.some(({ identity }) => identity === one)),
  );
}

/** How many identities are known to have accepted the form, in whatever resources. */
export function countAccepting({ accepted }: FormAnswers): number {
  return new Set(Object.values(accepted).flat()).size;
}

/** Whether somebody refuses it whom nobody contradicts. */
export function isInDoubt(answers: FormAnswers): boolean {
  return standingRefusals(answers).length > 0 && !isContradicted(answers);
}

/**
 * What follows. `reachesOnly`: whether the policy reaches no sidecar outside a namespace. Where it
 * does, two identities of one namespace do not decide for the others: whoever owns a namespace has
 * as many as he likes.
 */
export function toStanding(
  answers: FormAnswers,
  reachesOnly: (namespace: string) => boolean,
): Standing {
  const refused = standingRefusals(answers);
  const [first] = refused;
  if (first === undefined) return 'unrefused';
  if (refused.length > 1) {
    const own = namespaceOf(first.identity);
    const isOfOne = refused.every(({ identity }) => namespaceOf(identity) === own);
    if (!isOfOne || reachesOnly(own)) return 'condemned';
  }
  return isContradicted(answers) ? 'disputed' : 'suspected';
}

/** Whether the form was condemned for one identity's refusal alone, and somebody has accepted it since. */
export function isLifted(answers: FormAnswers): boolean {
  if (answers.refused.length !== 1) return false;
  return standingRefusals(answers).length === 0 || isContradicted(answers);
}
