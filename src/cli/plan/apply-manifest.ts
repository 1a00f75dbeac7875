/** An object after an apply, so that a plan names the fields that somebody has changed and no others. Pure. */

type Fields = Readonly<Record<string, unknown>>;

/**
 * What is written replaces what is there, field by field; what the API server has added stays. A
 * TrafficPolicy's `spec` has nothing that nobody wrote, so it is replaced whole.
 */
export function applyManifest(former: unknown, written: unknown): unknown {
  if (!isMap(former) || !isMap(written)) return written;
  const whole = { ...overlay(former, written), metadata: metadataOf(former, written) };
  return written['kind'] === 'TrafficPolicy' ? { ...whole, spec: written['spec'] } : whole;
}

/** When an object was made is not for others to say. */
function metadataOf(former: Fields, written: Fields): unknown {
  const whole = overlayAny(former['metadata'], written['metadata']);
  const made = isMap(former['metadata']) ? former['metadata']['creationTimestamp'] : undefined;
  return isMap(whole) ? { ...whole, creationTimestamp: made } : whole;
}

function overlay(former: Fields, written: Fields): Fields {
  const next: Record<string, unknown> = { ...former };
  for (const [key, value] of Object.entries(written)) {
    if (key !== 'status') next[key] = overlayAny(former[key], value);
  }
  return next;
}

function overlayAny(former: unknown, written: unknown): unknown {
  if (isMap(former) && isMap(written)) return overlay(former, written);
  if (isList(former) && isList(written)) {
    return written.map((each, index) => overlayAny(former[index], each));
  }
  return written;
}

function isMap(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}
