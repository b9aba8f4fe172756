import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Date;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.fhir.ucum.UcumEssenceService;
import org.hl7.fhir.convertors.context.ContextResourceLoaderFactory;
import org.hl7.fhir.convertors.loaders.loaderR5.NullLoaderKnowledgeProviderR5;
import org.hl7.fhir.convertors.loaders.loaderR5.R4ToR5Loader;
import org.hl7.fhir.exceptions.FHIRException;
import org.hl7.fhir.r5.conformance.profile.ProfileUtilities;
import org.hl7.fhir.r5.context.IContextResourceLoader;
import org.hl7.fhir.r5.context.IWorkerContext;
import org.hl7.fhir.r5.context.SimpleWorkerContext;
import org.hl7.fhir.r5.formats.JsonParser;
import org.hl7.fhir.r5.model.Bundle;
import org.hl7.fhir.r5.model.CanonicalResource;
import org.hl7.fhir.r5.model.CanonicalType;
import org.hl7.fhir.r5.model.PackageInformation;
import org.hl7.fhir.r5.model.Parameters;
import org.hl7.fhir.r5.model.Resource;
import org.hl7.fhir.r5.model.StructureDefinition;
import org.hl7.fhir.r5.model.ValueSet;
import org.hl7.fhir.r5.model.ValueSet.ConceptSetComponent;
import org.hl7.fhir.utilities.ByteProvider;
import org.hl7.fhir.utilities.npm.NpmPackage;

/** All definitions for the validation, loaded once and kept in memory, without any network. */
final class Definitions {
  private static final IWorkerContext.VersionResolutionRules ANY_VERSION =
      IWorkerContext.VersionResolutionRules.defaultRule();
  private static final String PACKAGES = "/org/hl7/fhir/r5/packages/";
  private static final String CORE = "hl7.fhir.r5.core-5.0.0";
  private static final List<String> ADDITIONS =
      List.of("hl7.fhir.uv.extensions.r5-1.0.0", "hl7.terminology-5.1.0");

  /** Value sets of bindings that are the union of an imported value set and a code system. */
  private static final List<String> UNIONS =
      List.of(
          "http://hl7.org/fhir/ValueSet/version-independent-all-resource-types",
          "http://hl7.org/fhir/ValueSet/elementdefinition-types");

  /** The end of the url of a statement that is used beside the guide's own definition. */
  static final String AS_STATED = "-as-stated-here";

  private static final String R4 = "/org/hl7/fhir/r4/model/";
  private static final List<String> R4_FILES =
      List.of(
          "profile/profiles-types.xml",
          "profile/profiles-resources.xml",
          "profile/profiles-others.xml",
          "extension/extension-definitions.xml",
          "valueset/valuesets.xml",
          "valueset/v3-codesystems.xml",
          "valueset/v2-tables.xml");

  private Definitions() {}

  /** Loads R4 core, and every JSON definition under {@code paths}. */
  static SimpleWorkerContext loadR4(List<Path> paths) throws IOException {
    Map<String, ByteProvider> files = new LinkedHashMap<>();
    files.put("version.info", ByteProvider.forBytes("[FHIR]\nFhirVersion=4.0.1\nversion=4.0.1\n".getBytes()));
    for (String name : R4_FILES) {
      try (InputStream file = Definitions.class.getResourceAsStream(R4 + name)) {
        files.put(name, ByteProvider.forBytes(file.readAllBytes()));
      }
    }
    IContextResourceLoader loader =
        new R4ToR5Loader(SimpleWorkerContext.defaultTypesToLoad(), new NullLoaderKnowledgeProviderR5(), "4.0.1") {
          // The first is the validator's own; R4's state of the second has few of DICOM's codes, and says it has all.
          private final Set<String> known =
              new HashSet<>(
                  Set.of(
                      "CodeSystem http://hl7.org/fhir/spdx-license",
                      "CodeSystem http://dicom.nema.org/resources/ontology/DCM"));

          /** Some definitions are in several files. */
          @Override
          public Bundle loadBundle(InputStream file, boolean isJson) throws FHIRException, IOException {
            Bundle bundle = super.loadBundle(file, isJson);
            bundle
                .getEntry()
                .removeIf(
                    each ->
                        each.getResource() instanceof CanonicalResource definition
                            && !known.add(definition.fhirType() + " " + definition.getUrl()));
            return bundle;
          }
        };
    PackageInformation core = new PackageInformation("hl7.fhir.r4.core", "4.0.1", "4.0.1", new Date(0));
    SimpleWorkerContext context =
        new RememberingContext(
            new SimpleWorkerContext.SimpleWorkerContextBuilder()
                .withAllowLoadingDuplicates(true)
                .fromDefinitions(files, loader, core));
    context.setAllowLoadingDuplicates(true); // HL7 has published two states of a profile under one url
    return complete(context, List.of(), paths);
  }

  /** Loads R5 core, the extension pack, HL7's terminology, and every JSON definition under {@code paths}. */
  static SimpleWorkerContext load(List<Path> paths) throws IOException {
    NpmPackage core = open(CORE);
    SimpleWorkerContext context =
        new RememberingContext(
            new SimpleWorkerContext.SimpleWorkerContextBuilder()
                .withAllowLoadingDuplicates(true)
                .fromPackage(core, loaderOf(core), false));
    for (String name : ADDITIONS) {
      NpmPackage addition = open(name);
      context.loadFromPackage(addition, loaderOf(addition), false);
    }
    return complete(context, UNIONS, paths);
  }

  private static SimpleWorkerContext complete(SimpleWorkerContext context, List<String> unions, List<Path> paths)
      throws IOException {
    context.setExpansionParameters(new Parameters());
    context.setCanNoTS(true);
    context.setCanRunWithoutTerminology(true);
    context.setNoTerminologyServer(true);
    for (String url : unions) {
      unfold(context, context.fetchResource(ValueSet.class, url, ANY_VERSION));
    }
    try (InputStream units = Definitions.class.getResourceAsStream("/ucum-essence.xml")) {
      context.setUcumService(new UcumEssenceService(units));
    } catch (Exception cause) {
      throw new IOException("the validator's UCUM table cannot be read", cause);
    }
    List<StructureDefinition> profiles = new ArrayList<>();
    for (Path path : filesUnder(paths)) {
      Resource resource = read(path);
      if (resource instanceof CanonicalResource definition) {
        context.cacheResource(definition);
      }
      if (resource instanceof StructureDefinition profile) {
        profiles.add(profile);
      }
    }
    for (StructureDefinition profile : profiles) {
      complete(context, profile);
    }
    return context;
  }

  /**
   * Adds a profile in our own words. Where the guide's definition is not known, it is the definition of its url. Where
   * the guide's is known, both are used, and ours gets another url, so that the validator does not confuse them.
   */
  static StructureDefinition add(SimpleWorkerContext context, Path file) throws IOException {
    StructureDefinition statement = (StructureDefinition) read(file);
    if (find(context, statement.getUrl()) == null) {
      context.cacheResource(statement);
    } else {
      statement.setUrl(statement.getUrl() + AS_STATED);
    }
    complete(context, statement);
    return statement;
  }

  /**
   * Replaces the imports of a value set by their content: the same codes of the same systems.
   *
   * <p>The validator (6.10.4) fails at an include that imports and names no system, when another include names one
   * (ValueSetValidator.hasMatchForVersion calls a method of the missing system). It would then ask a terminology
   * server; without one it refuses every code.
   */
  private static void unfold(SimpleWorkerContext context, ValueSet union) {
    List<ConceptSetComponent> includes = new ArrayList<>();
    for (ConceptSetComponent include : union.getCompose().getInclude()) {
      for (CanonicalType imported : include.getValueSet()) {
        ValueSet part = context.fetchResource(ValueSet.class, imported.getValue(), ANY_VERSION);
        if (include.hasSystem() || include.getValueSet().size() > 1 || part.getCompose().hasExclude()) {
          throw new IllegalStateException(union.getUrl() + " is not a plain union");
        }
        includes.addAll(part.getCompose().getInclude());
      }
      if (include.hasSystem()) {
        includes.add(include);
      }
    }
    union.getCompose().setInclude(includes);
  }

  private static Resource read(Path file) throws IOException {
    try (InputStream json = Files.newInputStream(file)) {
      return new JsonParser().parse(json);
    }
  }

  static StructureDefinition find(SimpleWorkerContext context, String url) {
    return context.fetchResource(StructureDefinition.class, url, ANY_VERSION);
  }

  /** Generates the snapshot of a profile that is written as a differential, after those of its parents. */
  private static void complete(SimpleWorkerContext context, StructureDefinition profile) {
    if (profile.hasSnapshot()) {
      return;
    }
    StructureDefinition parent = find(context, profile.getBaseDefinition());
    if (parent == null) {
      throw new IllegalStateException(profile.getUrl() + ": its parent " + profile.getBaseDefinition() + " is unknown");
    }
    complete(context, parent);
    new ProfileUtilities(context, null, null)
        .generateSnapshot(parent, profile, profile.getUrl(), null, profile.getName());
  }

  private static NpmPackage open(String name) throws IOException {
    try (InputStream archive = Definitions.class.getResourceAsStream(PACKAGES + name + ".tgz")) {
      if (archive == null) {
        throw new IOException("no package " + name + " on the class path");
      }
      return NpmPackage.fromPackage(archive);
    }
  }

  private static IContextResourceLoader loaderOf(NpmPackage contents) {
    return ContextResourceLoaderFactory.makeLoader(contents.fhirVersion(), new NullLoaderKnowledgeProviderR5());
  }

  static List<Path> filesUnder(List<Path> paths) throws IOException {
    List<Path> files = new ArrayList<>();
    for (Path path : paths) {
      try (Stream<Path> found = Files.walk(path)) {
        found.filter(Files::isRegularFile)
            .filter(file -> file.toString().endsWith(".json") || file.toString().endsWith(".ndjson"))
            .sorted()
            .forEach(files::add);
      }
    }
    return files;
  }
}
