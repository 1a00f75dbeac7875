/** Conditions as CEL text, with what is known beforehand folded away. */

/** Known, or an expression of the Common Expression Language. */
export type Condition = boolean | { readonly cel: string };

/** An expression. */
export function cel(expression: string): Condition {
  return { cel: expression };
}

/** All hold; of none: true. */
export function and(conditions: readonly Condition[]): Condition {
  return join(conditions, ' && ', true);
}

/** One holds; of none: false. */
export function or(conditions: readonly Condition[]): Condition {
  return join(conditions, ' || ', false);
}

/** The contrary. */
export function not(condition: Condition): Condition {
  return typeof condition === 'boolean' ? !condition : { cel: `!(${condition.cel})` };
}

function join(conditions: readonly Condition[], operator: string, neutral: boolean): Condition {
  const terms: string[] = [];
  for (const condition of conditions) {
    if (condition === neutral) continue;
    if (typeof condition === 'boolean') return condition;
    terms.push(condition.cel);
  }
  const [first, ...rest] = terms;
  if (first === undefined) return neutral;
  return { cel: rest.length === 0 ? first : `(${terms.join(operator)})` };
}

/**
 * The text as a CEL string inside an Envoy format string: whatever could end the string, the
 * expression or the format command is escaped.
 */
export function quoteCel(text: string): string {
  const escaped = text.replaceAll(/[^\w:/.-]/gu, (character) => {
    const code = (character.codePointAt(0) ?? 0).toString(16);
    return code.length > 4 ? `\\U${code.padStart(8, '0')}` : `\\u${code.padStart(4, '0')}`;
  });
  return `'${escaped}'`;
}
