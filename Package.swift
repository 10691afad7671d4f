// swift-tools-version: 6.1
import PackageDescription

/// Rules every Swift target keeps: explicit access on imports, no implicit existentials, members only from imported modules.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("ExistentialAny"),
]

/// Kernels are compiled optimised in every configuration: a debug test run would otherwise take minutes in them.
let optimised: [CSetting] = [.unsafeFlags(["-O3", "-fno-math-errno", "-ffp-contract=off"])]

/// A Swift target and what it may import. The direction of imports is the architecture: see docs/architecture.md.
/// What runs per step and per token is `optimised` in every configuration, like the kernels: its tests count allocations.
func target(_ name: String, _ imports: [Target.Dependency] = [], optimised: Bool = false) -> Target {
    .target(name: name, dependencies: imports, swiftSettings: strict + (optimised ? [.unsafeFlags(["-O"])] : []))
}

/// `optimised` where the tests themselves compute references.
func tests(
    _ name: String, _ imports: [Target.Dependency], exclude: [String] = [], resources: [Resource] = [], optimised: Bool = false
) -> Target {
    .testTarget(
        name: name + "Tests", dependencies: imports, exclude: exclude, resources: resources,
        swiftSettings: strict + (optimised ? [.unsafeFlags(["-O"])] : []))
}

let package = Package(
    name: "motley",
    products: [.executable(name: "motley", targets: ["motley"])],
    // Parts with needs of their own are traits, all on by default; `--disable-default-traits` builds with Swift alone, our own code in
    // their place.
    traits: [
        .default(enabledTraits: ["CBC"]),
        .trait(name: "CBC", description: "The planner's linear programs are confirmed by CBC (Debian: coinor-libcbc-dev)."),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
    ],
    targets: [
        .target(name: "CKernels", cSettings: optimised),
        target("JSON", optimised: true),
        target("Checkpoints", ["JSON"], optimised: true),
        target("Text", ["JSON"], optimised: true),
        target("Models", ["Checkpoints", "JSON"]),
        target("Plans", ["Models", "Checkpoints", "JSON"], optimised: true),
        target("Scheduling", ["Plans"], optimised: true),
        .systemLibrary(name: "CCbc", pkgConfig: "cbc", providers: [.apt(["coinor-libcbc-dev"])]),
        target(
            "Planning", ["Plans", "Scheduling", "Models", "Checkpoints", "JSON", .target(name: "CCbc", condition: .when(traits: ["CBC"]))],
            optimised: true),
        target("Devices", ["CKernels", "Checkpoints"], optimised: true),
        target("Profiling", ["Plans", "Devices", "CKernels", "Checkpoints"]),
        target("Runtime", ["Plans", "Models", "Devices", "CKernels", "Checkpoints"], optimised: true),
        target(
            "Engine",
            ["Runtime", "Planning", "Profiling", "Scheduling", "Plans", "Models", "Devices", "Checkpoints", "Text", "JSON"],
            optimised: true),
        .executableTarget(
            name: "motley",
            dependencies: [
                "Engine", "Runtime", "Planning", "Profiling", "Scheduling", "Plans", "Models", "Devices", "CKernels", "Checkpoints", "Text",
                "JSON",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "motley-fuzz",
            dependencies: [
                "Engine", "Planning", "Plans", "Models", "Checkpoints", "Text", "JSON",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        tests("JSON", ["JSON"]),
        tests("Checkpoints", ["Checkpoints", "JSON"]),
        tests("Text", ["Text", "JSON", "Checkpoints"], exclude: ["Templates/Styles", "Templates/goldens.json", "Templates/language.txt"]),
        tests("Models", ["Models", "Checkpoints", "JSON"]),
        tests("Plans", ["Plans", "Models", "Checkpoints", "JSON"]),
        tests("Scheduling", ["Scheduling", "Plans"], optimised: true),
        tests("Planning", ["Planning", "Plans", "Models", "Checkpoints", "JSON"]),
        tests("Kernels", ["CKernels", "Devices", "Checkpoints"], optimised: true),
        tests("Profiling", ["Profiling", "Planning", "Plans", "Models", "Devices", "Checkpoints", "JSON"]),
        tests("Runtime", ["CAllocationCounter", "Runtime", "Plans", "Models", "Devices", "CKernels", "Checkpoints", "JSON"]),
        tests("Motley", ["motley", "JSON"]),
        .target(name: "CAllocationCounter", path: "Tests/CAllocationCounter"),
        tests(
            "Engine",
            [
                "CAllocationCounter", "Engine", "Runtime", "Planning", "Scheduling", "Plans", "Models", "Devices", "Checkpoints", "Text",
                "JSON",
            ]),
    ],
    cLanguageStandard: .c17
)
