//! What every Rust runtime's program shares: reading the job that run_peers.py describes, timing it.
//!
//! Arguments: MANIFEST MODEL THREADS BUDGET_SECONDS DUMP. The manifest has one line for each input:
//! `name dtype d0,d1,.. file`, the file raw and little-endian. On stdout: `first` when the first output
//! is ready, then one line of JSON.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// One input of the model.
pub struct Input {
    /// The name in the signature.
    pub name: String,
    /// The extents, batch first.
    pub shape: Vec<usize>,
    /// The elements.
    pub data: Data,
}

/// Elements of one of the types that the zoo's inputs have.
#[allow(missing_docs)]
pub enum Data {
    F32(Vec<f32>),
    I32(Vec<i32>),
    I64(Vec<i64>),
}

/// What to run, and for how long.
#[allow(missing_docs)]
pub struct Job {
    pub inputs: Vec<Input>,
    pub model: PathBuf,
    pub threads: usize,
    budget: Duration,
    dump: PathBuf,
}

impl Job {
    /// The job that the command line describes.
    ///
    /// # Panics
    /// If it does not, or a file is missing.
    pub fn from_args() -> Job {
        let args: Vec<String> = std::env::args().skip(1).collect();
        let [manifest, model, threads, budget, dump] = args.as_slice() else {
            panic!("usage: MANIFEST MODEL THREADS BUDGET_SECONDS DUMP");
        };
        let manifest = Path::new(manifest);
        let folder = manifest.parent().expect("the manifest lies in a folder");
        let text = std::fs::read_to_string(manifest).expect("manifest");
        Job {
            inputs: text.lines().map(|line| Input::parse(line, folder)).collect(),
            model: model.into(),
            threads: threads.parse().expect("threads"),
            budget: Duration::from_secs_f64(budget.parse().expect("budget")),
            dump: dump.into(),
        }
    }

    /// The extent of the first dimension of the first input.
    pub fn batch(&self) -> usize {
        self.inputs[0].shape[0]
    }

    /// Runs once, reports it, warms up and measures, as worker.py does. `run` puts the output into the vector that it is
    /// given, which holds the one before.
    ///
    /// # Panics
    /// If the output cannot be written.
    pub fn drive(&self, mut run: impl FnMut(&mut Vec<f32>)) {
        let mut output = Vec::new();
        run(&mut output);
        println!("first");
        std::io::stdout().flush().expect("stdout");
        let bytes: Vec<u8> = output.iter().flat_map(|v| v.to_le_bytes()).collect();
        std::fs::write(&self.dump, bytes).expect("dump");
        let (began, mut warm) = (Instant::now(), 0);
        while (warm < 3 || began.elapsed() < Duration::from_millis(300))
            && began.elapsed() < Duration::from_secs(1)
        {
            run(&mut output);
            warm += 1;
        }
        let allocations = allocations(|| run(&mut output));
        let (began, cpu, mut times) = (Instant::now(), cpu_ticks(), Vec::new());
        while began.elapsed() < self.budget || times.len() < 3 {
            let start = Instant::now();
            run(std::hint::black_box(&mut output));
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
        // The kernel counts CPU time in hundredths of a second.
        let cpu = (cpu_ticks() - cpu) as f64 / 100.0 / began.elapsed().as_secs_f64();
        times.sort_by(f64::total_cmp);
        println!(
            "{{\"median_ms\": {}, \"min_ms\": {}, \"runs\": {}, \"cpu_per_wall\": {cpu:.3}, \"rss_mib\": {}{allocations}}}",
            times[times.len() / 2],
            times[0],
            times.len(),
            peak_rss_mib(),
        );
    }
}

impl Input {
    fn parse(line: &str, folder: &Path) -> Input {
        let parts: Vec<&str> = line.split(' ').collect();
        let bytes = std::fs::read(folder.join(parts[3])).expect("input");
        let data = match parts[1] {
            "float32" => Data::F32(bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()),
            "int32" => Data::I32(bytes.as_chunks().0.iter().map(|b| i32::from_le_bytes(*b)).collect()),
            "int64" => Data::I64(bytes.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b)).collect()),
            other => panic!("dtype {other}"),
        };
        let shape = parts[2].split(',').map(|d| d.parse().expect("extent")).collect();
        Input { name: parts[0].into(), shape, data }
    }

    /// The elements of a float32 input.
    ///
    /// # Panics
    /// If it holds another type; likewise the others.
    pub fn f32(&self) -> &[f32] {
        let Data::F32(values) = &self.data else { panic!("{} is not float32", self.name) };
        values
    }

    /// The elements of an int32 input.
    pub fn i32(&self) -> &[i32] {
        let Data::I32(values) = &self.data else { panic!("{} is not int32", self.name) };
        values
    }

    /// The elements of an int64 input.
    pub fn i64(&self) -> &[i64] {
        let Data::I64(values) = &self.data else { panic!("{} is not int64", self.name) };
        values
    }
}

/// As the system's allocator it hands out zero pages that nobody has touched.
#[cfg(feature = "allocations")]
#[global_allocator]
static ALLOCATOR: &stats_alloc::StatsAlloc<std::alloc::System> = &stats_alloc::INSTRUMENTED_SYSTEM;

/// The allocations of a run on all threads, as a further field of the JSON; nothing if they are not counted.
#[cfg(feature = "allocations")]
fn allocations(run: impl FnOnce()) -> String {
    let region = stats_alloc::Region::new(ALLOCATOR);
    run();
    let change = region.change();
    format!(", \"allocations\": {}", change.allocations + change.reallocations)
}

#[cfg(not(feature = "allocations"))]
fn allocations(_: impl FnOnce()) -> &'static str {
    ""
}

fn peak_rss_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("status");
    let line = status.lines().find(|l| l.starts_with("VmHWM")).expect("VmHWM");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok()).expect("KiB") / 1024.0
}

fn cpu_ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("stat");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
    fields[11].parse::<u64>().expect("user") + fields[12].parse::<u64>().expect("system")
}
