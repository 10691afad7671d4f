import Models
import Plans

/// FlexGen's linear program with the terms of *this* cost model: nine shares under peak memory for one block geometry on one GPU of a
/// pipeline.
struct FlexGenProgram {
    let problem: Problem
    let gpu: Int
    /// Of the fullest stage.
    let layers: Int
    /// GPUs that share the machine's memory, processor and disk.
    let sharing: Int
    /// Stages of the pipeline: as many blocks are in flight, each streaming a stage's weights for itself.
    let stages: Int
    private let device: DeviceProfile
    private let link: DeviceLink
    private let host: Hardware.Memory
    private let disk: Hardware.Memory?
    private let cpu: DeviceProfile?
    private let tables: NodeTables

    /// Rows of a program: where hidden states live, and what memories hold.
    static let hiddenRow = 3
    static let memoryRows = 4..<7

    /// Seconds of a layer's products for one micro-batch.
    struct Products {
        var prefill: Double
        var decode: Double
    }

    /// nil for a device that cannot stream.
    init?(problem: Problem, gpu: Int, layers: Int, sharing: Int, stages: Int = 1) {
        let hardware = problem.hardware
        let machine = hardware.devices[gpu].machine
        guard let link = hardware.devices[gpu].profile.link else { return nil }
        self.problem = problem
        self.gpu = gpu
        self.layers = layers
        self.sharing = sharing
        self.stages = stages
        self.link = link
        device = hardware.devices[gpu].profile
        host = hardware.memories[hardware.hosts[machine]]
        disk = hardware.disks[machine].map { hardware.memories[$0] }
        cpu = hardware.cpus[machine].flatMap { hardware.devices[$0].excluded ? nil : hardware.devices[$0].profile }
        tables = NodeTables(problem: problem)
    }

    func products(batch: Int) -> Products {
        let stage = problem.residentStage([gpu], layers: 0..<1), size = Double(batch)
        func seconds(_ tokens: Double) -> Double {
            tables.layerSeconds(stage, StepLoad(tokens: tokens * size, sequences: size, cached: 0, pairs: 0, logits: 0))
        }
        return Products(prefill: seconds(problem.workload.meanPrompt), decode: seconds(1))
    }

    /// Bytes of staging buffers: a layer, within reason.
    static func window(_ problem: Problem) -> Int { Int(max(33_554_432, min(536_870_912, NodeTables(problem: problem).layerBytes))) }

    /// The program for a geometry: variables are the nine shares (weights, cache and hidden states on GPU, host and disk), then seconds of
    /// prefill and of one decode round, per layer and block. nil where not even the working buffers fit.
    ///
    /// The row `hiddenRow` puts hidden states on the GPU; the caller may name another place for them.
    func program(batch: Int, batches: Int, products: Products) -> LinearProgram? {
        let hardware = problem.hardware, shape = problem.shape
        let block = Double(batch * batches), size = Double(batch)
        let prompt = problem.workload.meanPrompt, output = problem.workload.meanOutput
        let weights = tables.layerBytes, hidden = Double(shape.hiddenSize) * 2
        let cached = tables.keyValuePositionBytes
        let context = prompt + output / 2
        let attention = shape.runs[0].layer.attention

        // Shares of a layer: wg wc wd cg cc cd hg hc hd, and the constant.
        func phase(tokens: Double, read: Double, pairs: Double, products: Double) -> [[Double]] {
            // Prompts are attended to on the GPU, and their keys and values stored from there.
            let cpu = tokens > 1 ? nil : cpu
            var compute = Array(repeating: 0.0, count: 10), receive = compute, send = compute, processor = compute, memory = compute,
                diskRead = compute, diskWrite = compute
            compute[9] = products * Double(batches)
            compute[3] =
                block * max(read * cached / device.readBytesPerSecond, pairs * attention.operationsPerPosition / device.attentionOperations)
            let perToken = Double(attention.headCount * (attention.keySize + attention.valueSize) + attention.keyValueElements) * 2
            for place in [1, 2] {
                receive[place] = weights / link.toDevice
                memory[place] = weights / host.readBytesPerSecond * (place == 2 ? 2 : 1)
                receive[6 + place] = tokens * block * hidden / link.toDevice
                send[6 + place] = tokens * block * hidden / link.fromDevice
                memory[6 + place] = 2 * tokens * block * hidden / host.readBytesPerSecond
                if let cpu {
                    processor[3 + place] =
                        block
                        * max(read * cached / cpu.readBytesPerSecond, pairs * attention.operationsPerPosition / cpu.attentionOperations)
                    memory[3 + place] = block * read * cached / host.readBytesPerSecond
                    send[3 + place] = tokens * block * perToken / 2 / link.fromDevice
                    receive[3 + place] = tokens * block * perToken / 2 / link.toDevice
                } else {
                    let fetched = read - tokens
                    compute[3 + place] = compute[3]
                    receive[3 + place] = block * fetched * cached / link.toDevice
                    send[3 + place] = block * tokens * cached / link.fromDevice
                    memory[3 + place] = block * read * cached / host.readBytesPerSecond
                }
            }
            if let disk {
                diskRead[2] = weights / disk.readBytesPerSecond
                diskRead[5] = block * (read - tokens) * cached / disk.readBytesPerSecond
                diskRead[8] = tokens * block * hidden / disk.readBytesPerSecond
                diskWrite[5] = block * tokens * cached / disk.writeBytesPerSecond
                diskWrite[8] = tokens * block * hidden / disk.writeBytesPerSecond
            }
            // GPUs of one machine share its memory, processor and disk.
            let shared = Double(sharing)
            for index in 0..<9 {
                processor[index] *= shared
                memory[index] *= shared
                diskRead[index] *= shared
                diskWrite[index] *= shared
            }
            // Few micro-batches overlap computing and attending less: the rest of the smaller one is added.
            let overlap = zip(compute, processor).map { $0 + $1 / Double(batches) }
            let other = zip(compute, processor).map { $0 / Double(batches) + $1 }
            let rows = [overlap, other, receive, send, memory, diskRead, diskWrite].filter { $0.contains { $0 != 0 } }
            guard stages > 1 else { return rows }
            // A micro-batch passes through all stages before its next token, and every stage streams its weights meanwhile.
            return rows + rows.map { row in row.enumerated().map { $1 * Double(stages) / ($0 < 3 ? 1 : Double(batches)) } }
        }
        var program = LinearProgram(cost: Array(repeating: 0, count: 9) + [1, max(0, output - 1)])
        for group in 0..<3 {
            program.rows.append(.init(coefficients: (0..<11).map { $0 / 3 == group && $0 < 9 ? 1 : 0 }, bound: 1, isEquality: true))
        }
        program.rows.append(.init(coefficients: (0..<11).map { $0 == 6 ? 1 : 0 }, bound: 1, isEquality: true))
        let depth = Double(layers)
        let tokens = MemoryModel.stepTokens(BlockGeometry(microBatchSize: batch, microBatchCount: batches), promptTokens: prompt)
        let working = MemoryModel.working(shape, tokens: tokens, sequences: size, logits: true)
        let staging = Double(Self.window(problem))
        let capacities = [
            Double(hardware.memories[hardware.devices[gpu].memory].capacity) - working - staging - tables.outputBytes,
            (Double(host.capacity) - (cpu == nil ? 0 : working) - tables.embeddingBytes) / Double(sharing),
            Double(disk?.capacity ?? 0) / Double(sharing),
        ]
        for place in 0..<3 {
            var row = Array(repeating: 0.0, count: 11)
            row[place] = weights * depth * 1.01
            row[3 + place] = block * tables.keyValueBytes * depth
            // Where a layer's are attended to that live elsewhere: prompts on the GPU, what is on disk on the processor.
            for home in place + 1..<3 where place < 2 {
                row[3 + home] += MemoryModel.stagedLayers * block * tables.keyValueBytes
            }
            row[6 + place] = batches > 1 ? block * prompt * hidden : 0
            guard capacities[place] >= 0 else { return nil }
            program.rows.append(.init(coefficients: row, bound: capacities[place]))
        }
        for (column, rows) in [
            (9, phase(tokens: prompt, read: prompt, pairs: prompt * (prompt + 1) / 2, products: products.prefill)),
            (10, phase(tokens: 1, read: context, pairs: context, products: products.decode)),
        ] {
            for row in rows {
                var coefficients = Array(row[..<9]) + [0, 0]
                coefficients[column] = -1
                program.rows.append(.init(coefficients: coefficients, bound: -row[9]))
            }
        }
        return program
    }
}
