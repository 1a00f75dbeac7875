/** Tells on stderr what the demo does: a line that moves on a terminal, plain lines elsewhere. */

/** Where progress is told. */
export interface Progress {
  /** Begins a step; the one before is done. */
  step(text: string): void;
  /** A line that stays. */
  note(text: string): void;
  /** The last step is done. */
  end(): void;
}

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/** Progress on `stream`. */
export function createProgress(stream: NodeJS.WriteStream): Progress {
  return stream.isTTY ? movingProgress(stream) : plainProgress(stream);
}

function plainProgress(stream: NodeJS.WriteStream): Progress {
  return {
    step: (text) => stream.write(`${text} …\n`),
    note: (text) => stream.write(`${text}\n`),
    end: () => undefined,
  };
}

function movingProgress(stream: NodeJS.WriteStream): Progress {
  let current: { readonly text: string; readonly startedAt: number } | undefined;
  let frame = 0;
  let timer: NodeJS.Timeout | undefined;
  const clear = (): void => {
    stream.write('\r\x1b[2K');
  };
  const draw = (): void => {
    if (current === undefined) return;
    clear();
    frame += 1;
    stream.write(
      `${frames[frame % frames.length] ?? ''} ${current.text} … ${seconds(current.startedAt)}`,
    );
  };
  const finish = (): void => {
    if (current === undefined) return;
    clear();
    stream.write(`✓ ${current.text} (${seconds(current.startedAt)})\n`);
    current = undefined;
  };
  return {
    step: (text) => {
      finish();
      current = { text, startedAt: performance.now() };
      timer ??= setInterval(draw, 100);
      draw();
    },
    note: (text) => {
      clear();
      stream.write(`${text}\n`);
    },
    end: () => {
      finish();
      clearInterval(timer);
      timer = undefined;
    },
  };
}

function seconds(sinceMs: number): string {
  return `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`;
}
