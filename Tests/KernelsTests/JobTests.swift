import CKernels
import Checkpoints
import Devices
import Testing

/// The jobs that workers run: the same bits as the plain kernels, whatever the workers and however work is cut.
@Suite struct JobTests {
    private func numbers(_ count: Int, seed: UInt64) -> [Float] {
        var state = seed
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Float(Int32(truncatingIfNeeded: state >> 32)) / 1e9
        }
    }

    private func q8Bytes(rows: Int, columns: Int, seed: UInt64) -> [UInt8] {
        var state = seed
        var bytes: [UInt8] = []
        for _ in 0..<rows * columns / 32 {
            bytes += [0x00, 0x20]
            for _ in 0..<32 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes.append(UInt8(truncatingIfNeeded: state >> 40))
            }
        }
        return bytes
    }

    /// Three matrices with one input, by one worker and by three; two of them gated.
    @Test(arguments: Conformance.instructionSets.map(\.rawValue), [1, 6, 21]) func productJobsGiveTheBitsOfProducts(
        _ set: UInt32, _ tokens: Int
    )
        throws
    {
        let isa = mk_isa(rawValue: set)
        let columns = 64, rows = 16 * 9
        let one = try #require(CPU(threads: 1, instructionSet: isa)), three = try #require(CPU(threads: 3, instructionSet: isa))
        let bytes = Int(packedByteCount(format: .q8_0, rows: rows, columns: columns) ?? 0)
        let packed = UnsafeMutableRawPointer.allocate(byteCount: 2 * bytes, alignment: 64)
        let inputs = UnsafeMutableRawPointer.allocate(
            byteCount: mk_input_bytes(isa, MK_INPUT_Q32, Int64(tokens), Int64(columns)), alignment: 64)
        let scratchStride = (mk_product_scratch(Int64(columns)) + 63) / 64 * 64
        let scratch = UnsafeMutableRawPointer.allocate(byteCount: 3 * scratchStride, alignment: 64)
        let outputs = UnsafeMutablePointer<Float>.allocate(capacity: 2 * tokens * rows)
        defer {
            for pointer in [packed, inputs, scratch] { pointer.deallocate() }
            outputs.deallocate()
        }
        for index in 0..<2 {
            q8Bytes(rows: rows, columns: columns, seed: UInt64(index)).withUnsafeBytes {
                three.pack(
                    .q8_0, source: $0, storedShape: [rows, columns], firstRow: 0, rows: rows, columns: columns, transposed: false,
                    into: packed + index * bytes)
            }
        }
        var x = numbers(tokens * columns, seed: 3)
        mk_pack_input(isa, MK_INPUT_Q32, &x, Int64(columns), Int64(tokens), 0, Int64(tokens), Int64(columns), inputs)

        var job = mk_product_job()
        job.isa = isa
        job.count = 2
        job.tokens = Int64(tokens)
        job.scratch = scratch.assumingMemoryBound(to: UInt8.self)
        job.scratch_stride = Int64(scratchStride)
        job.activation = MK_SILU
        func matrix(_ index: Int) -> mk_matrix {
            var matrix = mk_matrix()
            matrix.data = UnsafePointer((packed + index * bytes).assumingMemoryBound(to: UInt8.self))
            matrix.format = MK_Q8_0
            matrix.columns = Int64(columns)
            matrix.groups = Int64(rows / 16)
            return matrix
        }
        job.matrices.0 = matrix(0)
        job.matrices.1 = matrix(1)
        job.outputs.0 = outputs
        job.outputs.1 = outputs + tokens * rows
        job.strides = (Int64(rows), Int64(rows), 0, 0)
        job.inputs.0 = UnsafeRawPointer(inputs)
        job.inputs.1 = UnsafeRawPointer(inputs)

        // What the kernels give one by one.
        var plain: [[Float]] = []
        for index in 0..<2 {
            var bound = matrix(index)
            var y = [Float](repeating: .nan, count: tokens * rows)
            mk_product(isa, &bound, 0, bound.groups, inputs, Int64(tokens), &y, Int64(rows), false, scratch)
            plain.append(y)
        }
        var gated = [Float](repeating: 0, count: tokens * rows)
        mk_activate(isa, MK_SILU, plain[0], plain[1], Int64(gated.count), &gated)
        var activated = gated
        mk_activate(isa, MK_SILU, plain[0], nil, Int64(gated.count), &activated)

        for cpu in [one, three] {
            for form in [0, 1, 2] {
                for index in 0..<2 * tokens * rows { outputs[index] = .nan }
                job.gated = Int32(form)
                job.count = form == 2 ? 1 : 2
                job.next = 0
                withUnsafeMutablePointer(to: &job) { cpu.run(mk_run_product, $0) }
                let first = Array(UnsafeBufferPointer(start: outputs, count: tokens * rows))
                #expect(first == (form == 0 ? plain[0] : form == 1 ? gated : activated))
                if form == 0 { #expect(Array(UnsafeBufferPointer(start: outputs + tokens * rows, count: tokens * rows)) == plain[1]) }
            }
        }
    }

    /// A norm before packing is the norm, whether its result is kept or not.
    @Test(arguments: Conformance.instructionSets.map(\.rawValue)) func packingJobsNormFirst(_ set: UInt32) throws {
        let isa = mk_isa(rawValue: set)
        let columns = 96, tokens = 19
        let x = numbers(tokens * columns, seed: 5), weight = numbers(columns, seed: 6), bias = numbers(columns, seed: 7)
        for norm in [MK_NORM_NONE, MK_NORM_RMS, MK_NORM_LAYER] {
            var normed = x
            for token in 0..<tokens {
                normed.withUnsafeMutableBufferPointer { buffer in
                    guard let row = buffer.baseAddress.map({ $0 + token * columns }) else { return }
                    if norm == MK_NORM_RMS { mk_rms_norm(isa, row, Int64(columns), weight, 1e-5, row) }
                    if norm == MK_NORM_LAYER { mk_layer_norm(isa, row, Int64(columns), weight, bias, 1e-5, row) }
                }
            }
            let size = mk_input_bytes(isa, MK_INPUT_Q32, Int64(tokens), Int64(columns))
            var wanted = [UInt8](repeating: 0, count: size)
            mk_pack_input(isa, MK_INPUT_Q32, normed, Int64(columns), Int64(tokens), 0, Int64(tokens), Int64(columns), &wanted)
            for (threads, inPlace) in [(1, false), (3, false), (3, true)] {
                let cpu = try #require(CPU(threads: threads, instructionSet: isa))
                var rows = x
                var found = [UInt8](repeating: 0, count: size)
                var scratch = [UInt8](repeating: 0, count: threads * columns * 4)
                weight.withUnsafeBufferPointer { weight in
                    bias.withUnsafeBufferPointer { bias in
                        rows.withUnsafeMutableBufferPointer { rows in
                            found.withUnsafeMutableBytes { found in
                                scratch.withUnsafeMutableBufferPointer { scratch in
                                    var job = mk_pack_job()
                                    job.isa = isa
                                    job.norm = norm
                                    job.weight = weight.baseAddress
                                    job.bias = bias.baseAddress
                                    job.epsilon = 1e-5
                                    job.x = rows.baseAddress
                                    job.stride = Int64(columns)
                                    job.columns = Int64(columns)
                                    job.tokens = Int64(tokens)
                                    job.packed.2 = found.baseAddress
                                    job.in_place = inPlace
                                    job.scratch = scratch.baseAddress
                                    job.scratch_stride = Int64(columns * 4)
                                    cpu.run(mk_run_pack, &job)
                                }
                            }
                        }
                    }
                }
                #expect(found == wanted)
                #expect(rows == (inPlace ? normed : x))
            }
        }
    }

    /// A range of a matrix stored inputs x outputs packs, on several workers, to the same bytes as that range of its transpose.
    @Test(arguments: [TensorFormat.f32, .f16, .bf16], [0..<21, 4..<19])
    func transposedMatricesPackAlike(_ format: TensorFormat, _ range: Range<Int>) throws {
        let rows = 37, columns = 21, stored = 50, first = 5, width = format.blockBytes
        let cpu = try #require(CPU(threads: 3))
        var state: UInt64 = 9
        let transposed = (0..<columns * stored * width).map { index -> UInt8 in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            // No infinities: the top byte of each number stays moderate.
            return index % width == width - 1 ? 0x3C : UInt8(truncatingIfNeeded: state >> 40)
        }
        var usual = [UInt8](repeating: 0, count: rows * columns * width)
        for row in 0..<rows {
            for column in 0..<columns {
                for byte in 0..<width {
                    usual[(row * columns + column) * width + byte] = transposed[(column * stored + first + row) * width + byte]
                }
            }
        }
        func packed(_ source: [UInt8], _ shape: [Int], firstRow: Int, transposed: Bool) -> [UInt8] {
            var result = [UInt8](repeating: 1, count: packedByteCount(format: format, rows: rows, columns: range.count) ?? 0)
            source.withUnsafeBytes { source in
                result.withUnsafeMutableBytes { destination in
                    guard let base = destination.baseAddress else { return }
                    cpu.pack(
                        format, source: source, storedShape: shape, firstRow: firstRow, rows: rows, firstColumn: range.lowerBound,
                        columns: range.count, transposed: transposed, into: base)
                }
            }
            return result
        }
        #expect(
            packed(transposed, [columns, stored], firstRow: first, transposed: true)
                == packed(usual, [rows, columns], firstRow: 0, transposed: false))
    }

    /// Sizes and names that Swift and C keep separately.
    @Test(arguments: TensorFormat.allCases) func formatsAgree(_ format: TensorFormat) {
        #expect(Int(mk_block_elements(format.kernelFormat)) == format.blockElements)
        #expect(Int(mk_block_bytes(format.kernelFormat)) == format.blockBytes)
        let columns = 2 * max(2, format.blockElements)
        #expect(Int(mk_packed_group_bytes(format.kernelFormat, Int64(columns))) == 16 * (format.byteCount(elements: columns) ?? 0))
    }
}
