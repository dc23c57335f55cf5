//! Entry point: parses nothing itself, calls the command line.

fn main() -> std::process::ExitCode {
    ledgerline::cli::main()
}
